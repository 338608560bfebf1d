//! What an event says of a request's parameters (I3): the values that the operation's row allows, and of all others the
//! name and the length. The protocol's own parameters are in the event's actor and origin.

use super::params::Params;
use super::table::Row;
use crate::engine::{Element, Recorded};

/// Parameters of the protocol, not of an operation.
const PROTOCOL: [&str; 10] = [
    "Action",
    "Version",
    "Format",
    "AccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureType",
    "SignatureNonce",
    "Timestamp",
];

/// Most parameters that an event names although the operation knows none of them; the rest is counted.
const STRANGERS_MAX: usize = 16;

/// The recorded form of a request's parameters.
pub fn record(row: &Row, params: &Params) -> Recorded {
    let mut recorded = Recorded::default();
    let (mut strangers, mut uncounted) = (0, 0);
    for (name, value) in params.iter().filter(|(name, _)| !PROTOCOL.contains(name)) {
        if let Some(known) = row.params.iter().find(|param| param.name == name) {
            let element = if known.recorded {
                Element::text(value)
            } else {
                length(value)
            };
            recorded.insert(known.name, element);
        } else if strangers < STRANGERS_MAX {
            strangers += 1;
            recorded.insert(name.to_owned(), length(value));
        } else {
            uncounted += 1;
        }
    }
    if uncounted > 0 {
        recorded.insert("...", Element::Number(uncounted));
    }
    recorded
}

fn length(value: &str) -> Element {
    Element::Number(value.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::table::find;

    #[test]
    fn only_allowed_values_are_recorded() {
        let row = find("2016-01-20", "Encrypt").unwrap();
        let query = "Action=Encrypt&Signature=s&KeyId=k&Plaintext=secret&SecretData=hidden";
        let recorded = record(row, &Params::parse(Some(query), None).unwrap());
        assert_eq!(recorded.get("KeyId"), Some(&Element::text("k")));
        assert_eq!(recorded.get("Plaintext"), Some(&Element::Number(6)));
        assert_eq!(recorded.get("SecretData"), Some(&Element::Number(6)));
        assert_eq!(recorded.iter().count(), 3);
    }

    #[test]
    fn a_crowd_of_unknown_parameters_is_counted_not_named() {
        let row = find("2016-01-20", "Encrypt").unwrap();
        let query: Vec<String> = (0..100).map(|n| format!("p{n}=v")).collect();
        let recorded = record(row, &Params::parse(Some(&query.join("&")), None).unwrap());
        assert_eq!(recorded.iter().count(), STRANGERS_MAX + 1);
        assert_eq!(
            recorded.get("..."),
            Some(&Element::Number(100 - STRANGERS_MAX as u64))
        );
    }
}
