//! Protocol details that the Event Hubs client hides, shown on plain frames.

use entra_forwarder_emulator::{Action, Emulator};
use entra_forwarder_emulator::{Fault, HubOptions, Options, SharedKey};
use fe2o3_amqp::types::messaging::{
    AmqpValue, ApplicationProperties, Body, Message, Properties, Source,
};
use fe2o3_amqp::types::primitives::{SimpleValue, Value};
use fe2o3_amqp::{Connection, Receiver, Sender, Session};

use crate::support::*;

struct Raw {
    _connection: fe2o3_amqp::connection::ConnectionHandle<()>,
    session: fe2o3_amqp::session::SessionHandle<()>,
    cbs: Sender,
    answers: Receiver,
}

impl Raw {
    async fn open(emulator: &Emulator) -> Self {
        let url = format!("amqp://{}", emulator.address());
        let mut connection = Connection::open("raw", url.as_str()).await.unwrap();
        let mut session = Session::begin(&mut connection).await.unwrap();
        let cbs = Sender::attach(&mut session, "s", "$cbs").await.unwrap();
        let answers = Receiver::attach(&mut session, "r", "$cbs").await.unwrap();
        Self {
            _connection: connection,
            session,
            cbs,
            answers,
        }
    }

    /// Puts a token without a reply-to, as the Python client does.
    async fn put(&mut self, kind: &str, audience: &str, token: &str) -> i32 {
        let properties = ApplicationProperties::builder()
            .insert("operation", "put-token")
            .insert("type", kind)
            .insert("name", audience)
            .build();
        let message = Message::builder()
            .properties(Properties::builder().message_id(77u64).build())
            .application_properties(properties)
            .value(token.to_owned())
            .build();
        in_time(self.cbs.send(message)).await.unwrap();
        let answer = in_time(self.answers.recv::<Body<Value>>()).await.unwrap();
        self.answers.accept(&answer).await.unwrap();
        let message = answer.into_message();
        let correlation = message.properties.unwrap().correlation_id.unwrap();
        assert_eq!(format!("{correlation:?}"), "Ulong(77)");
        match message.application_properties.unwrap().0.get("status-code") {
            Some(SimpleValue::Int(status)) => *status,
            other => panic!("{other:?}"),
        }
    }
}

fn address(partition: u32) -> String {
    format!("{HUB}/ConsumerGroups/$Default/Partitions/{partition}")
}

fn jwt(audience: &str, expires_s: i64) -> String {
    use base64::Engine as _;
    let encode = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = format!(r#"{{"aud":"{audience}","exp":{expires_s}}}"#);
    format!("{}.{}.", encode("{}".into()), encode(claims))
}

#[tokio::test]
async fn tokens_are_checked() {
    let emulator = emulator(1).await;
    let mut raw = Raw::open(&emulator).await;
    let sas = "servicebus.windows.net:sastoken";
    let key: &SharedKey = &emulator.keys()[0];
    let audience = format!("sb://localhost/{HUB}");
    let far = 4_000_000_000;
    assert_eq!(
        raw.put(sas, &audience, &key.sign(&audience, far)).await,
        202
    );
    assert_eq!(raw.put(sas, &audience, &key.sign(&audience, 1)).await, 401);
    let elsewhere = key.sign("sb://localhost/other", far);
    assert_eq!(raw.put(sas, &audience, &elsewhere).await, 401);
    let namespace = key.sign("sb://localhost/", far);
    assert_eq!(raw.put(sas, &audience, &namespace).await, 202);
    let good = jwt("https://eventhubs.azure.net/", far);
    assert_eq!(raw.put("jwt", &audience, &good).await, 202);
    assert_eq!(
        raw.put("jwt", &audience, &jwt("https://other", far)).await,
        401
    );
    let old = jwt("https://eventhubs.azure.net", 1);
    assert_eq!(raw.put("jwt", &audience, &old).await, 401);
    assert_eq!(raw.put("jwt", &audience, "rubbish").await, 401);
}

#[tokio::test]
async fn no_token_no_link() {
    let emulator = emulator(1).await;
    let mut raw = Raw::open(&emulator).await;
    let refused = Receiver::attach(&mut raw.session, "c", address(0)).await;
    let text = format!("{:?}", refused.err());
    assert!(text.contains("'Listen' claim(s) are required"), "{text}");
    let refused = Sender::attach(&mut raw.session, "p", HUB).await;
    let text = format!("{:?}", refused.err());
    assert!(text.contains("'Send' claim(s) are required"), "{text}");
}

async fn authorised(emulator: &Emulator) -> Raw {
    let mut raw = Raw::open(emulator).await;
    let token = jwt("https://eventhubs.azure.net", 4_000_000_000);
    assert_eq!(
        raw.put("jwt", &format!("sb://localhost/{HUB}"), &token)
            .await,
        202
    );
    raw
}

#[tokio::test]
async fn credit_is_kept_to() {
    let emulator = emulator(1).await;
    for n in 0..20 {
        emulator.append(HUB, 0, format!("{n}")).unwrap();
    }
    let mut raw = authorised(&emulator).await;
    let mut receiver = Receiver::builder()
        .name("c")
        .source(Source::builder().address(address(0)).build())
        .credit_mode(fe2o3_amqp::link::receiver::CreditMode::Manual)
        .attach(&mut raw.session)
        .await
        .unwrap();
    receiver.set_credit(3).await.unwrap();
    for _ in 0..3 {
        in_time(receiver.recv::<Body<Value>>()).await.unwrap();
    }
    // Nothing has been settled, and no more may come.
    let more = receiver.recv::<Body<Value>>();
    let wait = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(wait, more).await.is_err());
    assert_eq!(emulator.sent_count(HUB, 0).unwrap(), 3);
    receiver.set_credit(5).await.unwrap();
    until("five more", || emulator.sent_count(HUB, 0).unwrap() == 8).await;
}

#[tokio::test]
async fn five_without_epoch_on_one_connection() {
    let emulator = emulator(1).await;
    let mut raw = authorised(&emulator).await;
    let mut kept = Vec::new();
    for n in 0..5 {
        let link = Receiver::attach(&mut raw.session, format!("c{n}"), address(0)).await;
        kept.push(link.unwrap());
    }
    let sixth = Receiver::attach(&mut raw.session, "c6", address(0)).await;
    let text = format!("{:?}", sixth.err());
    assert!(
        text.contains("maximum number of allowed receivers"),
        "{text}"
    );
}

#[tokio::test]
async fn too_large_is_detached() {
    let emulator = Emulator::start(Options {
        max_message_size: 100_000,
        hubs: vec![(HUB.into(), HubOptions::new(1))],
        ..Options::default()
    })
    .await
    .unwrap();
    let mut raw = authorised(&emulator).await;
    let mut sender = Sender::attach(&mut raw.session, "p", HUB).await.unwrap();
    assert_eq!(sender.max_message_size(), Some(100_000));
    let fits = AmqpValue("x".repeat(90_000));
    in_time(sender.send(Message::builder().body(fits).build()))
        .await
        .unwrap();
    assert_eq!(emulator.last_sequence(HUB, 0).unwrap(), 0);
    let large = AmqpValue("x".repeat(200_000));
    // This client would wait for an outcome for ever after the detach.
    let message = Message::builder().body(large).build();
    let _outcome = in_time(sender.send_batchable(message)).await.unwrap();
    let text = format!("{:?}", in_time(sender.on_detach()).await);
    assert!(text.contains("MessageSizeExceeded"), "{text}");
    assert_eq!(emulator.last_sequence(HUB, 0).unwrap(), 0);
}

#[tokio::test]
async fn heartbeats_come_in_time() {
    let emulator = emulator(1).await;
    let url = format!("amqp://{}", emulator.address());
    let mut connection = Connection::builder()
        .container_id("raw")
        .idle_time_out(600u32)
        .open(url.as_str())
        .await
        .unwrap();
    // Two idle time-outs pass; a peer that hears nothing would have closed.
    tokio::time::sleep(std::time::Duration::from_millis(1_400)).await;
    assert!(Session::begin(&mut connection).await.is_ok());
    let fault = emulator.faults().inject(Fault::once(Action::Reset));
    assert!(emulator.faults().remove(fault));
}
