//! Which partition an id goes to. The numbers are those of Kapacitor, so that readers who rely on them find the events
//! of an id where they always were.

use declare::Mismatch;

/// How an id becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Algorithm {
    #[default]
    Crc32,
    Murmur2,
    Murmur3,
    Fnv1a,
}

pub(super) const NAMES: [&str; 4] = ["crc32", "murmur2", "murmur3", "fnv-1a"];

impl Algorithm {
    /// By its name; empty for the default.
    pub(super) fn by_name(name: &str) -> Result<Self, Mismatch> {
        Ok(match name {
            "" | "crc32" => Algorithm::Crc32,
            "murmur2" => Algorithm::Murmur2,
            "murmur3" => Algorithm::Murmur3,
            "fnv-1a" => Algorithm::Fnv1a,
            _ => return Err(Mismatch::new(NAMES.join(", "), format!("\"{name}\""))),
        })
    }

    /// The place of an id among `partitions`, of which there is at least one.
    pub(super) fn place(self, id: &str, partitions: usize) -> usize {
        let id = id.as_bytes();
        let among = |hash: u32| hash as usize % partitions;
        // Some take the hash for a number with a sign, and then the rest without it.
        let signed = |hash: u32| {
            let rest = i64::from(hash as i32) % i64::try_from(partitions).unwrap_or(i64::MAX);
            usize::try_from(rest.unsigned_abs()).unwrap_or_default()
        };
        match self {
            Algorithm::Crc32 => among(crc32(id)),
            Algorithm::Murmur2 => among(murmur2(id) & 0x7fff_ffff),
            Algorithm::Murmur3 => signed(murmur3(id)),
            Algorithm::Fnv1a => signed(fnv1a(id)),
        }
    }
}

/// The checksum of Ethernet and zip.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 })
    })
}

/// As Kafka's own clients have it.
fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MIX: u32 = 0x5bd1_e995;
    let (words, rest) = bytes.as_chunks::<4>();
    // What is longer than 4 GiB is no id.
    let mut hash = SEED ^ bytes.len() as u32;
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(MIX);
        word = (word ^ (word >> 24)).wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ word;
    }
    if !rest.is_empty() {
        hash = (hash ^ tail(rest)).wrapping_mul(MIX);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

/// Of 32 bits, with the seed 0.
fn murmur3(bytes: &[u8]) -> u32 {
    let scrambled = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash: u32 = 0;
    for word in words {
        hash ^= scrambled(u32::from_le_bytes(*word));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    hash ^= scrambled(tail(rest));
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Up to three bytes, the first one lowest.
fn tail(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_others() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
        // Vectors of Kafka's own client.
        assert_eq!(murmur2(b"21") as i32, -973_932_308);
        assert_eq!(murmur2(b"foobar") as i32, -790_332_482);
        assert_eq!(murmur2(b"a-little-bit-long-string") as i32, -985_981_536);
        assert_eq!(murmur2(b"abc") as i32, 479_470_107);
        // Of the algorithm's author.
        assert_eq!(murmur3(b""), 0);
        assert_eq!(murmur3(b"test"), 0xba6b_d213);
        assert_eq!(murmur3(b"Hello, world!"), 0xc036_3e43);
    }

    #[test]
    fn ids_have_their_place() {
        let places = |algorithm: Algorithm| ["hello", "hello2", "hello5"].map(|id| algorithm.place(id, 1000));
        assert_eq!(places(Algorithm::Crc32), [870, 502, 413]);
        assert_eq!(places(Algorithm::Murmur2), [229, 907, 841]);
        for name in NAMES {
            let algorithm = Algorithm::by_name(name).unwrap();
            assert_eq!(algorithm.place("x", 1), 0);
            assert!((1..50).all(|n| algorithm.place("host=web-1", n) < n), "{name}");
        }
        assert!(Algorithm::by_name("md5").is_err());
    }
}
