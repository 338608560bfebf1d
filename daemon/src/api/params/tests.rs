use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn parse(query: &str) -> Result<Params, ApiError> {
    Params::parse(Some(query), None)
}

fn code(query: &str) -> Option<Code> {
    parse(query).err().map(|error| error.code)
}

#[test]
fn names_come_sorted_and_values_as_sent() {
    let params = Params::parse(Some("b=1&a%2Eb=x+y%20z%2B&c&d=&e=a=b"), Some(b"B=%E5%AF%86&a=2")).unwrap();
    let all: Vec<_> = params.iter().collect();
    let expected = [
        ("B", "密"),
        ("a", "2"),
        ("a.b", "x y z+"),
        ("b", "1"),
        ("c", ""),
        ("d", ""),
        ("e", "a=b"),
    ];
    assert_eq!(all, expected);
    assert_eq!(params.get("d"), Some(""));
    assert_eq!(params.optional("d"), None);
    assert_eq!(params.get("D"), None);
    assert_eq!(params.len(), 7);
}

#[test]
fn empty_pieces_are_no_parameters() {
    for query in ["", "&", "&&a=1", "a=1&", "a=1&&"] {
        let expected = usize::from(query.contains('a'));
        assert_eq!(parse(query).unwrap().len(), expected, "{query}");
    }
    assert!(Params::parse(None, None).unwrap().is_empty());
}

#[test]
fn what_cannot_be_decoded_is_refused() {
    for query in [
        "=1", "a=1&=2", "=", "a=%", "a=%4", "a=%4g", "a=%g4", "%=1", "a=%%20", "a=%+1", "a=%4&b=1",
    ] {
        assert_eq!(code(query), Some(Code::UnparsableRequest), "{query}");
    }
    for not_utf8 in ["a=%FF", "%C3=1", "a=%C3&b=1", "a=%ED%A0%80", "a=%C0%80"] {
        assert_eq!(code(not_utf8), Some(Code::UnparsableRequest), "{not_utf8}");
    }
    assert_eq!(
        Params::parse(None, Some(b"a=\xff")).unwrap_err().code,
        Code::UnparsableRequest
    );
}

/// Decoded text is checked as one piece: a character that begins in a name must not be completed by the value behind it.
#[test]
fn a_character_cannot_begin_in_one_part_and_end_in_the_next() {
    assert_eq!(code("a%C3=%A9"), Some(Code::UnparsableRequest));
    assert_eq!(code("a=%C3&%A9=1"), Some(Code::UnparsableRequest));
    let over_sources = Params::parse(Some("a=%C3"), Some(b"%A9=1"));
    assert_eq!(over_sources.unwrap_err().code, Code::UnparsableRequest);
}

#[test]
fn a_name_that_occurs_twice_is_refused_and_named() {
    let error = parse("KeyId=a&Action=Encrypt&KeyId=b").unwrap_err();
    assert_eq!(error.code, Code::InvalidParameter);
    assert!(error.message.contains("\"KeyId\""), "{error}");
    assert_eq!(code("KeyId=a&Key%49d=a"), Some(Code::InvalidParameter));
    let over_sources = Params::parse(Some("KeyId=a"), Some(b"KeyId=a"));
    assert_eq!(over_sources.unwrap_err().code, Code::InvalidParameter);
    // Case counts.
    assert_eq!(code("KeyId=a&keyid=b"), None);
}

/// A caller could send a plaintext as a name, or markup: what is no name of ours is not repeated.
#[test]
fn an_odd_name_is_not_repeated() {
    let error = parse("%3Cscript%3E=1&%3Cscript%3E=2").unwrap_err();
    assert_eq!(error, ApiError::new(Code::InvalidParameter));
}

#[test]
fn limits_hold_on_both_sides() {
    let many = |count: usize| (0..count).map(|n| format!("p{n}=&")).collect::<String>();
    assert_eq!(code(&many(PARAMETERS_MAX)), None);
    assert_eq!(code(&many(PARAMETERS_MAX + 1)), Some(Code::RequestTooLarge));

    let named = |len: usize| format!("{}=1", "n".repeat(len));
    assert_eq!(code(&named(PARAMETER_NAME_BYTES_MAX)), None);
    assert_eq!(
        code(&named(PARAMETER_NAME_BYTES_MAX + 1)),
        Some(Code::RequestTooLarge)
    );

    let query = "a=1";
    let form = |len: usize| format!("b={}", "x".repeat(len - 2)).into_bytes();
    assert!(Params::parse(Some(query), Some(&form(BODY_BYTES_MAX - 3))).is_ok());
    let over = Params::parse(Some(query), Some(&form(BODY_BYTES_MAX - 2)));
    assert_eq!(over.unwrap_err().code, Code::RequestTooLarge);
}

#[test]
fn debug_shows_no_value() {
    let params = parse("Plaintext=hunter2").unwrap();
    assert_eq!(format!("{params:?}"), "{\"Plaintext\": 7}");
}

#[test]
fn absent_and_empty_are_both_missing() {
    for query in ["", "KeyId=", "KeyId"] {
        let error = parse(query).unwrap().required("KeyId").unwrap_err();
        assert_eq!(error.code, Code::MissingParameter);
        assert!(error.message.contains("\"KeyId\""));
    }
}

#[test]
fn integers_are_digits_in_range() {
    let read = |value: &str| {
        parse(&format!("N={value}"))
            .unwrap()
            .optional_integer("N", 1..=100)
    };
    assert_eq!(read("1"), Ok(Some(1)));
    assert_eq!(read("100"), Ok(Some(100)));
    assert_eq!(read(""), Ok(None));
    for bad in [
        "0",
        "101",
        "-1",
        "%2B1",
        "1.0",
        "1e1",
        "0x1",
        "+1",
        "1+",
        "99999999999999999999",
        "a",
    ] {
        let error = read(bad).unwrap_err();
        assert_eq!(error.code, Code::InvalidParameter, "{bad}");
        assert!(error.message.contains("\"N\""));
    }
    assert_eq!(
        parse("").unwrap().required_integer("N", 1..=2).unwrap_err().code,
        Code::MissingParameter
    );
}

#[test]
fn booleans_are_words_in_any_case() {
    let read = |value: &str| parse(&format!("B={value}")).unwrap().optional_bool("B");
    for (text, value) in [("true", true), ("True", true), ("FALSE", false), ("false", false)] {
        assert_eq!(read(text), Ok(Some(value)));
    }
    assert_eq!(read(""), Ok(None));
    for bad in ["1", "yes", "t", "+true", "true+"] {
        assert_eq!(read(bad).unwrap_err().code, Code::InvalidParameter, "{bad}");
    }
}

#[test]
fn texts_are_measured_in_characters() {
    let params = parse("T=%E5%AF%86%E5%8C%99").unwrap();
    assert_eq!(params.optional_text("T", 2), Ok(Some("密匙")));
    assert_eq!(
        params.required_text("T", 1).unwrap_err().code,
        Code::InvalidParameter
    );
}

#[test]
fn base64_is_strict() {
    let read = |value: &str| {
        parse(&format!("P={value}"))
            .unwrap()
            .required_bytes_base64("P", 4)
    };
    assert_eq!(read("aGk%3D").unwrap(), SecretBytes::new(b"hi".to_vec()));
    assert_eq!(read("AAAAAA%3D%3D").unwrap().len(), 4);
    // Unpadded, white space, url alphabet, bits behind the end, padding alone; then five bytes and a longer text.
    for bad in [
        "aGk",
        "aG+k",
        "aGk%3D%0A",
        "_-8%3D",
        "aGl%3D",
        "%3D%3D%3D%3D",
        "AAAAAAA%3D",
        "AAAAAAAAAAAA",
    ] {
        let error = read(bad).unwrap_err();
        assert_eq!(error.code, Code::InvalidParameter, "{bad}");
        assert!(error.message.contains("\"P\""));
    }
    assert_eq!(read("").unwrap_err().code, Code::MissingParameter);
}

#[test]
fn an_absent_context_is_the_empty_one() {
    for query in ["", "C=", "C=%7B%7D"] {
        assert_eq!(parse(query).unwrap().context("C"), Ok(EncryptionContext::empty()));
    }
    assert_eq!(
        parse("C=%5B%5D").unwrap().context("C").unwrap_err().code,
        Code::InvalidParameter
    );
}

fn encode(text: &str, plus_for_space: bool) -> String {
    let encode_byte = |b: u8| match b {
        b' ' if plus_for_space => "+".to_owned(),
        b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
        b => format!("%{b:02x}"),
    };
    text.bytes().map(encode_byte).collect()
}

proptest! {
    #[test]
    fn any_map_survives_encoding(
        map in proptest::collection::btree_map(".{1,9}", ".{0,30}", 0..9),
        plus_for_space: bool,
        split in 0usize..9,
    ) {
        let pairs: Vec<_> = map
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name, plus_for_space), encode(value, plus_for_space)))
            .rev()
            .collect();
        let (query, form) = pairs.split_at(split.min(pairs.len()));
        let params = Params::parse(Some(&query.join("&")), Some(form.join("&").as_bytes())).unwrap();
        let read: BTreeMap<_, _> = params.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        prop_assert_eq!(&read, &map);
        prop_assert_eq!(params.len(), map.len());
        for (name, value) in &map {
            prop_assert_eq!(params.get(name), Some(value.as_str()));
        }
    }

    #[test]
    fn no_bytes_make_it_fail_otherwise_than_by_refusing(form in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(params) = Params::parse(None, Some(&form)) {
            prop_assert!(params.iter().all(|(name, _)| !name.is_empty()));
        }
    }

    #[test]
    fn no_near_form_makes_it_fail_otherwise_than_by_refusing(form in "[ab%0-9a-fA-F+&=]{0,40}") {
        let _ = parse(&form);
    }
}
