//! Protocol details that the Event Hubs client hides, shown on plain frames.

use entra_forwarder_emulator::{Action, Emulator};
use entra_forwarder_emulator::{Fault, HubOptions, Options, SharedKey};
use fe2o3_amqp::types::messaging::{
    AmqpValue, ApplicationProperties, Body, Message, Properties, Source,
};
use fe2o3_amqp::types::primitives::{SimpleValue, Value};
use fe2o3_amqp::{Connection, Receiver, Sender, Session};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::support::*;

pub(crate) struct Raw {
    connection: fe2o3_amqp::connection::ConnectionHandle<()>,
    pub(crate) session: fe2o3_amqp::session::SessionHandle<()>,
    cbs: Sender,
    answers: Receiver,
}

impl Raw {
    async fn open(emulator: &Emulator) -> Self {
        let stream = tokio::net::TcpStream::connect(emulator.address()).await;
        Self::over(stream.unwrap()).await
    }

    /// Opens over a transport of one's own.
    pub(crate) async fn over<T>(transport: T) -> Self
    where
        T: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin + 'static,
    {
        let opening = Connection::builder()
            .container_id("raw")
            .open_with_stream(transport);
        let mut connection = in_time(opening).await.unwrap();
        let mut session = Session::begin(&mut connection).await.unwrap();
        let cbs = Sender::attach(&mut session, "s", "$cbs").await.unwrap();
        let answers = Receiver::attach(&mut session, "r", "$cbs").await.unwrap();
        Self {
            connection,
            session,
            cbs,
            answers,
        }
    }

    /// Gives it the right to do everything with the hub.
    pub(crate) async fn authorise(&mut self) {
        let token = jwt("https://eventhubs.azure.net", 4_000_000_000);
        let audience = format!("sb://localhost/{HUB}");
        assert_eq!(self.put("jwt", &audience, &token).await, 202);
    }

    /// Closes politely.
    pub(crate) async fn close(mut self) {
        in_time(self.connection.close()).await.unwrap();
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

pub(crate) fn address(partition: u32) -> String {
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
async fn an_open_link_ends_with_its_token() {
    let emulator = emulator(1).await;
    let mut raw = Raw::open(&emulator).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Two to three seconds from now: `exp` is in whole seconds.
    let expires = now.unwrap().as_secs() as i64 + 3;
    let token = jwt("https://eventhubs.azure.net", expires);
    let audience = format!("sb://localhost/{}", address(0));
    assert_eq!(raw.put("jwt", &audience, &token).await, 202);
    let mut reading = Receiver::attach(&mut raw.session, "c", address(0))
        .await
        .unwrap();
    emulator.append(HUB, 0, "x").unwrap();
    in_time(reading.recv::<Body<Value>>()).await.unwrap();
    let ended = format!("{:?}", in_time(reading.recv::<Body<Value>>()).await.err());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let late = now.unwrap().as_millis() as i64 - expires * 1000;
    assert!((0..5_000).contains(&late), "{late} ms after its expiry");
    assert!(ended.contains("DetachForced"), "{ended}");
    let text = "Unauthorized access. 'Listen' claim(s) are required to perform this operation.";
    assert!(ended.contains(text), "{ended}");
    // A newer token in time keeps it.
    let token = jwt("https://eventhubs.azure.net", 4_000_000_000);
    assert_eq!(raw.put("jwt", &audience, &token).await, 202);
    let again = Receiver::attach(&mut raw.session, "d", address(0)).await;
    assert!(again.is_ok(), "{again:?}");
}

#[tokio::test]
async fn a_token_without_an_answer() {
    let emulator = emulator(1).await;
    let mut raw = Raw::open(&emulator).await;
    let faults = emulator.faults();
    let dropped = faults.inject(Fault::once(Action::DropToken).hub(HUB));
    let waiting = std::time::Duration::from_millis(300);
    assert!(
        tokio::time::timeout(waiting, raw.authorise())
            .await
            .is_err()
    );
    assert_eq!((faults.fired(dropped), emulator.tokens()), (1, 0));
    let refused = Receiver::attach(&mut raw.session, "c", address(0)).await;
    assert!(refused.is_err(), "a dropped token gave a right");
    raw.authorise().await;
    assert_eq!(emulator.tokens(), 1);
}

#[tokio::test]
async fn answers_in_another_order() {
    let emulator = emulator(2).await;
    let mut raw = authorised(&emulator).await;
    let node = "$management";
    let mut asking = Sender::attach(&mut raw.session, "m", node).await.unwrap();
    let mut told = Receiver::attach(&mut raw.session, "n", node).await.unwrap();
    let reorder = Fault::once(Action::ManagementReorder).partition(0);
    emulator.faults().inject(reorder);
    for partition in 0..2u64 {
        let properties = ApplicationProperties::builder()
            .insert("operation", "READ")
            .insert("type", "com.microsoft:partition")
            .insert("name", HUB)
            .insert("partition", partition.to_string())
            .build();
        let message = Message::builder()
            .properties(Properties::builder().message_id(partition).build())
            .application_properties(properties)
            .value(())
            .build();
        in_time(asking.send(message)).await.unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..2 {
        let answer = in_time(told.recv::<Body<Value>>()).await.unwrap();
        let properties = answer.into_message().properties.unwrap();
        order.push(format!("{:?}", properties.correlation_id.unwrap()));
    }
    assert_eq!(order, ["Ulong(1)", "Ulong(0)"]);
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
    raw.authorise().await;
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
