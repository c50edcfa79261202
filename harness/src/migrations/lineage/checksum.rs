//! The checksums that tools keep or take their lock by.

/// The CRC-32 of IEEE 802.3, bit by bit: there is little to sum up.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

/// Flyway's checksum: the CRC-32 of all lines, without their ends, as a signed number.
pub(super) fn lines_crc32(text: &str) -> i32 {
    let text = text.trim_start_matches('\u{feff}');
    let lines: Vec<u8> = text.lines().flat_map(str::bytes).collect();
    crc32(&lines).cast_signed()
}

/// Java's `String.hashCode` of ASCII text.
pub(super) fn java_hash(text: &str) -> i32 {
    text.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_the_known_ones() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
        assert_eq!(lines_crc32("123\r\n456\n789"), 0xcbf4_3926_u32.cast_signed());
        assert_eq!(java_hash("hello"), 99_162_322);
    }
}
