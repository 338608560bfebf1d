//! Values by family, and the documented edges of each.

use proptest::prelude::*;

use crate::policy::language::value::{read_address, read_flag};
use crate::policy::language::{Moment, Network, Number};

#[test]
fn numbers_read_by_value() {
    for (text, want) in [
        ("5", 50_000),
        ("5.0", 50_000),
        ("005", 50_000),
        ("-0", 0),
        ("-1.5", -15_000),
        ("0.0001", 1),
        ("922337203685477.5807", i64::MAX),
        ("-922337203685477.5807", -i64::MAX),
    ] {
        assert_eq!(
            Number::read(text).map(Number::ten_thousandths),
            Some(want),
            "{text}"
        );
    }
    let long = format!("{}7", "0".repeat(500));
    assert_eq!(Number::read(&long).map(Number::ten_thousandths), Some(70_000));
    for bad in [
        "",
        "-",
        "+5",
        "5.",
        ".5",
        "1e3",
        "1.00001",
        "922337203685477.5808",
        "-922337203685477.5808",
        "٣",
        " 5",
        "5 ",
    ] {
        assert_eq!(Number::read(bad), None, "{bad}");
    }
}

#[test]
fn moments_read_with_their_zone_and_in_range() {
    for (text, want) in [
        ("1970-01-01", 0),
        ("1970-01-01T00:00Z", 0),
        ("1970-01-01T08:00:00+08:00", 0),
        ("1970-01-01T08:00:00.0009+0800", 0),
        ("1969-12-31T23:30:00-00:30", 0),
        ("1970-01-01T00:00:00.1234567Z", 123),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999),
        ("0000-12-31T23:30:00-01:00", -62_135_596_800_000 + 30 * 60_000),
        ("2028-02-29T12:00:00Z", 1_835_438_400_000),
    ] {
        assert_eq!(Moment::read(text).map(Moment::as_millis), Some(want), "{text}");
    }
    for bad in [
        "",
        "2027-02-29",
        "2027-1-1",
        "2027-01-01T00:00:00",
        "2027-01-01T00:00:60Z",
        "2027-01-01T24:00:00Z",
        "2027-01-01 00:00:00Z",
        "2027-01-01T00Z",
        "2027-01-01T00:00:00.Z",
        "2027-01-01T00:00:00.1234567890Z",
        "2027-01-01T00:00:00+8",
        "2027-01-01T00:00:00+08:60",
        "2027-01-01T00:00:00+24:00",
        "1767225600",
        "+2027-01-0",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2027-01-01Z",
        "2027-01-01t00:00:00Z",
        "２０２７-01-01",
        "2027-01-01T00:00:00Zx",
    ] {
        assert_eq!(Moment::read(bad), None, "{bad}");
    }
}

#[test]
fn addresses_and_blocks_keep_their_families_apart() {
    for (block, inside, outside) in [
        ("203.0.113.77/24", "203.0.113.1", "203.0.114.0"),
        ("0.0.0.0/0", "255.255.255.255", "::1"),
        ("::/0", "2001:db8::1", "10.0.0.1"),
        ("::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.0"),
        ("10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"),
        ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
    ] {
        let block = Network::parse(block).unwrap();
        assert!(block.contains(read_address(inside).unwrap()), "{block} {inside}");
        assert!(
            !block.contains(read_address(outside).unwrap()),
            "{block} {outside}"
        );
    }
    for bad in [
        "",
        "10.0.0",
        "10.0.0.*",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.0/08",
        "::/129",
        "::ffff:0.0.0.0/95",
        "010.0.0.1",
        "fe80::1%eth0",
        "10.0.0.0/8/8",
        " 10.0.0.1",
    ] {
        assert!(Network::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn flags_read_in_any_case() {
    assert_eq!(read_flag("TRUE"), Some(true));
    assert_eq!(read_flag("False"), Some(false));
    assert_eq!(read_flag("yes"), None);
}

proptest! {
    #[test]
    fn numbers_and_moments_print_what_they_read(number in any::<i64>(), millis in -62_135_596_800_000..253_402_300_800_000_i64) {
        if let Some(number) = Number::from_ten_thousandths(number) {
            prop_assert_eq!(Number::read(&number.to_string()), Some(number));
        }
        let moment = Moment::from_millis(millis).unwrap();
        prop_assert_eq!(Moment::read(&moment.to_string()), Some(moment));
    }

    #[test]
    fn blocks_print_what_they_read(bits in any::<u128>(), prefix in 0..=128_u8) {
        let v6 = std::net::Ipv6Addr::from_bits(bits);
        if let Some(block) = Network::parse(&format!("{v6}/{prefix}")) {
            prop_assert_eq!(Network::parse(&block.to_string()), Some(block));
        }
    }
}
