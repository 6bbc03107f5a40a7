//! Ports that nothing listens on, and that nobody else is given.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// First of the ports that are tried: below those that systems give to connections and to port 0,
/// so that nobody gets it before it is used.
const FIRST: u32 = 20_000;
/// How many there are.
const COUNT: u32 = 10_000;

/// An address of this machine at which nothing listens yet.
pub(crate) fn unused() -> SocketAddr {
    static LAST: AtomicU32 = AtomicU32::new(0);
    // Test processes that run side by side start at different places.
    let offset = std::process::id().wrapping_mul(97);
    loop {
        let number = LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(offset);
        let port = u16::try_from(FIRST + number % COUNT).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
