//! The compressions that an HTTP body can have.

use std::io::{self, Write};

use flate2::write::GzEncoder;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip (RFC 1952), by flate2 on `zlib-rs`.
    Gzip {
        /// 0 (stored) to 9 (smallest).
        level: u8,
    },
    /// Zstandard (RFC 8878), by its reference implementation.
    Zstd {
        /// 1 (fastest) to 19 (smallest).
        level: u8,
    },
    /// Not at all.
    None,
}

impl Compression {
    /// The value of `Content-Encoding`; `None` where the body is sent as it is.
    pub fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::Gzip { .. } => Some("gzip"),
            Self::Zstd { .. } => Some("zstd"),
            Self::None => None,
        }
    }

    /// Memory that its encoder takes for a body of so many bytes, beside the bodies themselves.
    pub(super) fn encoder_bytes(self, body_bytes: u64) -> u64 {
        match self {
            // The window, the hash chains and the pending symbols of deflate.
            Self::Gzip { .. } => 256 << 10,
            Self::Zstd { level } => zstd_bytes(level, body_bytes),
            Self::None => 0,
        }
    }

    /// The bytes to send. The same plain bytes always give the same.
    pub(super) fn apply(self, plain: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip { level } => {
                // Entra records shrink to an eighth or less.
                let out = Vec::with_capacity(plain.len() / 8 + 64);
                let mut encoder = GzEncoder::new(out, flate2::Compression::new(level.into()));
                encoder.write_all(&plain)?;
                encoder.finish()
            }
            Self::Zstd { level } => {
                let out = Vec::with_capacity(plain.len() / 8 + 64);
                let mut encoder = zstd::Encoder::new(out, level.into())?;
                // With its size a body needs no larger window than itself, and a receiver no more
                // memory; the checksum is what gzip has as well.
                encoder.set_pledged_src_size(Some(plain.len() as u64))?;
                encoder.include_checksum(true)?;
                encoder.write_all(&plain)?;
                encoder.finish()
            }
            Self::None => Ok(plain),
        }
    }
}

/// By the window, the chain table and the hash table of a level as powers of two, which a smaller
/// body makes smaller: `clevels.h` and `ZSTD_estimateCCtxSize` of zstd 1.5.7. From 1 MiB on it is up
/// to two and a half times what that says, and never less.
fn zstd_bytes(level: u8, body_bytes: u64) -> u64 {
    let (window, chain, hash) = match level {
        0..=1 => (19, 13, 14),
        2 => (20, 15, 16),
        3 => (21, 16, 17),
        4 => (21, 18, 18),
        5 | 6 => (21, 18, 19),
        7 | 8 => (21, 19, 20),
        9 => (22, 20, 21),
        10 | 11 => (22, 21, 22),
        13 | 16 => (22, 22, 22),
        12 | 14 => (22, 22, 23),
        15 => (22, 23, 23),
        17 | 18 => (23, 23, 22),
        _ => (23, 24, 22),
    };
    let needed = body_bytes.max(1 << 10).next_power_of_two().ilog2();
    let window: u32 = needed.min(window);
    let table = |log: u32, entry: u64| entry << log.min(window + 1);
    (1 << window) + table(hash, 5) + table(chain, 4) + (3 << 20)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use super::*;

    /// What a receiver makes of it.
    pub(in crate::compress) fn plain(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match compression {
            Compression::Gzip { .. } => {
                let decoder = flate2::bufread::MultiGzDecoder::new(bytes);
                decoder.take(1 << 24).read_to_end(&mut plain).unwrap();
            }
            Compression::Zstd { .. } => {
                let decoder = zstd::Decoder::with_buffer(bytes).unwrap();
                decoder.take(1 << 24).read_to_end(&mut plain).unwrap();
            }
            Compression::None => plain.extend_from_slice(bytes),
        }
        plain
    }

    fn every_level() -> impl Iterator<Item = Compression> {
        let gzip = (0..=9).map(|level| Compression::Gzip { level });
        let zstd = (1..=19).map(|level| Compression::Zstd { level });
        gzip.chain(zstd).chain([Compression::None])
    }

    /// Lines like those of a log: they repeat, and each is another one.
    fn lines(count: u32) -> Vec<u8> {
        (0..count)
            .flat_map(|number| {
                let id = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                let (user, app) = (number * number % 1_009, number * 7 % 31);
                format!(
                    "{{\"category\":\"SignInLogs\",\"user\":\"user{user}@example.com\",\"app\":\"app \
                     {app}\",\"id\":\"{id:06x}\"}}\n"
                )
                .into_bytes()
            })
            .collect()
    }

    #[test]
    fn every_level_gives_back_what_went_in_and_repeats_itself() {
        for body in [Vec::new(), b"x".to_vec(), lines(300)] {
            for compression in every_level() {
                let bytes = compression.apply(body.clone()).unwrap();
                assert_eq!(plain(compression, &bytes), body, "{compression:?}");
                let again = compression.apply(body.clone()).unwrap();
                assert_eq!(bytes, again, "{compression:?}");
            }
        }
    }

    #[test]
    fn levels_make_a_difference() {
        let body = lines(3_000);
        let size = |compression: Compression| compression.apply(body.clone()).unwrap().len();
        let [stored, fast, small] = [0, 1, 9].map(|level| size(Compression::Gzip { level }));
        assert!(stored > body.len() && body.len() > 2 * fast && fast > small);
        let [fast, small] = [1, 19].map(|level| size(Compression::Zstd { level }));
        assert!(body.len() > 2 * fast && fast > small);
    }

    #[test]
    fn a_damaged_body_is_noticed() {
        let body = lines(100);
        for compression in [
            Compression::Gzip { level: 6 },
            Compression::Zstd { level: 3 },
        ] {
            let mut bytes = compression.apply(body.clone()).unwrap();
            // The last four bytes belong to the checksum, or to the length behind it.
            *bytes.last_mut().unwrap() ^= 1;
            let damaged: Box<dyn Read> = match compression {
                Compression::Zstd { .. } => Box::new(zstd::Decoder::new(&bytes[..]).unwrap()),
                _ => Box::new(flate2::bufread::GzDecoder::new(&bytes[..])),
            };
            let read = damaged.take(1 << 24).read_to_end(&mut Vec::new());
            assert!(read.is_err(), "{compression:?}");
        }
    }

    /// Another build of each format's reads them too, where it is installed.
    #[test]
    fn the_usual_programs_read_them() {
        let body = lines(3_000);
        for (program, compression) in [
            ("gzip", Compression::Gzip { level: 0 }),
            ("gzip", Compression::Gzip { level: 6 }),
            ("zstd", Compression::Zstd { level: 3 }),
            ("zstd", Compression::Zstd { level: 19 }),
        ] {
            let started = Command::new(program)
                .args(["-d", "-c"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn();
            let Ok(mut child) = started else {
                println!("{program} is not installed");
                continue;
            };
            let bytes = compression.apply(body.clone()).unwrap();
            let mut stdin = child.stdin.take().unwrap();
            let writing = std::thread::spawn(move || stdin.write_all(&bytes));
            let output = child.wait_with_output().unwrap();
            writing.join().unwrap().unwrap();
            assert!(output.status.success(), "{program} {compression:?}");
            assert_eq!(output.stdout, body, "{program} {compression:?}");
        }
    }

    /// What `ZSTD_estimateCCtxSize` says, and the window and buffers of a stream.
    #[test]
    fn the_estimate_of_zstd_holds() {
        for (level, body_bytes, real) in [
            (1, 1 << 20, 1_465 << 10),
            (3, 1 << 20, 2_681 << 10),
            (10, (1 << 20) + 1, 23_417 << 10),
            (12, 3 << 20, 45_945 << 10),
            (19, 1 << 20, 18 << 20),
            (19, 16 << 20, 89 << 20),
        ] {
            let estimate = zstd_bytes(level, body_bytes);
            assert!(estimate >= real, "{level}: {estimate}");
            assert!(estimate <= real * 4, "{level}: {estimate}");
        }
    }
}
