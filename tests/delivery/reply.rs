//! What the endpoint does with one request.

use entra_forwarder::deliver::response::ACCEPTING;

/// An answer, and how much of it is written.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: &'static str,
    /// How it goes wrong.
    pub(crate) fault: Fault,
    /// Whether the endpoint keeps the records, if their body was read.
    pub(crate) accepts: bool,
}

/// What becomes of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is written, and the connection stays.
    None,
    /// It is written, and the connection ends.
    Last(Ending),
    /// Nothing of it is written.
    Silent(Ending),
    /// Half of its head is written.
    CutHead(Ending),
    /// A part of its body is written.
    CutBody(Ending),
    /// One header after the other, slowly and without end.
    TrickleHead,
    /// The same as fast as it goes.
    FloodHead,
    /// One chunk after the other, slowly and without end.
    TrickleBody,
    /// The same as fast as it goes.
    FloodBody,
    /// What is no HTTP.
    Nonsense,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
    /// The client has to end it.
    Hang,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: "",
            fault: Fault::None,
            accepts: ACCEPTING.contains(&status),
        }
    }

    pub(crate) fn fault(status: u16, fault: Fault) -> Self {
        Self {
            fault,
            ..Self::status(status)
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body that says whether it is an acceptance.
    pub(crate) fn saying(self, body: &'static str, accepts: bool) -> Self {
        Self {
            body,
            accepts,
            ..self
        }
    }

    /// Status line and headers, without the empty line.
    pub(crate) fn head(&self) -> String {
        let lines = self.headers.iter();
        let lines: String = lines
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!("HTTP/1.1 {} Said\r\n{lines}", self.status)
    }

    /// The whole answer.
    pub(crate) fn whole(&self) -> String {
        let length = match self.status {
            204 => String::new(),
            _ => format!("content-length: {}\r\n", self.body.len()),
        };
        format!("{}{length}\r\n{}", self.head(), self.body)
    }
}
