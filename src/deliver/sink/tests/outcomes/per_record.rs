//! Endpoints that answer for each record.

use super::*;

/// NDJSON whose endpoint answers a letter per record: `a`ccepted, `n`ot now, `f`aulty.
#[derive(Debug)]
struct PerRecord(Plain);

impl Format for PerRecord {
    fn content_type(&self) -> &'static str {
        self.0.content_type()
    }

    fn frame_bytes(&self) -> u64 {
        self.0.frame_bytes()
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        self.0.record_bytes_max(record)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        self.0.write(records, out);
    }

    fn judge(&self, answer: &Answer, _records: usize) -> Verdict {
        let verdicts = answer.body.iter().map(|letter| match letter {
            b'a' => RecordVerdict::Accepted,
            b'n' => RecordVerdict::NotNow,
            _ => RecordVerdict::Faulty(Objection {
                reason: "status 400".into(),
                quote: "no such field".into(),
            }),
        });
        Verdict::PerRecord(verdicts.collect())
    }
}

#[tokio::test(start_paused = true)]
async fn answers_per_record_settle_each_alone() {
    let times = Mutex::new(BTreeMap::<String, usize>::new());
    let picky = Picky::new(move |records| {
        let letters = records.iter().map(|line| {
            let number = line.trim_start_matches("{\"n\":").trim_end_matches('}');
            let number: usize = number.parse().unwrap();
            let mut times = times.lock().unwrap();
            let times = times.entry(line.clone()).or_default();
            *times += 1;
            match number % 10 {
                3 => b'f',
                7 if *times < 4 => b'n',
                _ => b'a',
            }
        });
        Ok(Answer {
            status: 207,
            retry_after: None,
            body: letters.collect(),
        })
    });
    let format = Arc::new(PerRecord(Plain::new(
        crate::config::Encoding::Ndjson,
        "",
        "",
    )));
    let mut case = Case::formatting(Arc::clone(&picky) as _, config(20, 2), format);
    give(&mut case, 0..100, 7).await;
    case.ledgers.wait_until_settled().await;
    let letters = case.letters.all();
    let expected: Vec<_> = (0..10).map(|ten| record(ten * 10 + 3)).collect();
    let mut sorted = expected.clone();
    sorted.sort();
    assert_eq!(bodies(&letters), sorted);
    assert_eq!(
        letters[0].facts.answer.as_deref(),
        Some("status 400: no such field")
    );
    // What was accepted or refused is not sent again; what was throttled goes alone.
    let mut sent = BTreeMap::<String, usize>::new();
    for (_, records) in picky.requests.lock().unwrap().iter() {
        for record in records {
            *sent.entry(record.clone()).or_default() += 1;
        }
    }
    for number in 0..100 {
        let times = sent[&record(number)];
        assert_eq!(times, if number % 10 == 7 { 4 } else { 1 }, "{number}");
    }
    let (_, balance) = case.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (90, 10));
}
