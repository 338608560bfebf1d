use proptest::prelude::*;
use serde_json::json;

use crate::base::{Code, SecretBytes, SecretText};

use super::*;

const REQUEST: RequestId = RequestId::from_bytes([0xa0; 16]);
const ID: &str = "a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0";

fn sample() -> Answer {
    Answer::new()
        .text("KeyId", "k<&>\"\\")
        .number("TotalCount", 2)
        .boolean("Value", false)
        .with("Plaintext", SecretText::base64(&SecretBytes::new(b"hi".to_vec())))
        .with("KeyMetadata", Answer::new().text("KeyState", "Enabled"))
        .list(
            "Keys",
            "Key",
            [Answer::new().text("KeyId", "1"), Answer::new().text("KeyId", "2")],
        )
        .list("VersionStages", "VersionStage", ["ACSCurrent"])
        .list("Tags", "Tag", Vec::<Answer>::new())
        .bare_list(
            "Rows",
            [Answer::new().text("Id", "1"), Answer::new().text("Id", "2")],
        )
        .bare_list("None", Vec::<Answer>::new())
}

#[test]
fn json_is_compact_ordered_and_keeps_empty_lists() {
    let text = String::from_utf8(answer_json(&sample(), REQUEST)).unwrap();
    let expected = format!(
        "{{\"KeyId\":\"k<&>\\\"\\\\\",\"TotalCount\":2,\"Value\":false,\"Plaintext\":\"aGk=\",\
         \"KeyMetadata\":{{\"KeyState\":\"Enabled\"}},\"Keys\":{{\"Key\":[{{\"KeyId\":\"1\"}},{{\"KeyId\":\"2\"}}]}},\
         \"VersionStages\":{{\"VersionStage\":[\"ACSCurrent\"]}},\"Tags\":{{\"Tag\":[]}},\
         \"Rows\":[{{\"Id\":\"1\"}},{{\"Id\":\"2\"}}],\"None\":[],\"RequestId\":\"{ID}\"}}"
    );
    assert_eq!(text, expected);
}

#[test]
fn an_answer_without_fields_is_its_request_id() {
    let text = String::from_utf8(answer_json(&Answer::new(), REQUEST)).unwrap();
    assert_eq!(text, format!("{{\"RequestId\":\"{ID}\"}}"));
    let text = String::from_utf8(answer_xml("DeleteAlias", &Answer::new(), REQUEST)).unwrap();
    assert_eq!(
        text,
        format!("{DECLARATION}<DeleteAliasResponse><RequestId>{ID}</RequestId></DeleteAliasResponse>")
    );
}

#[test]
fn xml_has_an_element_a_field_and_a_wrapper_a_list() {
    let text = String::from_utf8(answer(Format::Xml, "ListKeys", &sample(), REQUEST)).unwrap();
    let expected = format!(
        "{DECLARATION}<ListKeysResponse><KeyId>k&lt;&amp;&gt;\"\\</KeyId><TotalCount>2</TotalCount>\
         <Value>false</Value><Plaintext>aGk=</Plaintext><KeyMetadata><KeyState>Enabled</KeyState></KeyMetadata>\
         <Keys><Key><KeyId>1</KeyId></Key><Key><KeyId>2</KeyId></Key></Keys>\
         <VersionStages><VersionStage>ACSCurrent</VersionStage></VersionStages><Tags></Tags>\
         <Rows><Id>1</Id></Rows><Rows><Id>2</Id></Rows>\
         <RequestId>{ID}</RequestId></ListKeysResponse>"
    );
    assert_eq!(text, expected);
}

#[test]
fn errors_have_the_documented_fields() {
    let not_found = ApiError::new(Code::KeyNotFound);
    let text = String::from_utf8(error(Format::Json, &not_found, REQUEST, "127.0.0.1:80")).unwrap();
    let expected = format!(
        "{{\"HttpStatus\":404,\"Code\":\"Forbidden.KeyNotFound\",\"Message\":\"The specified Key is not found.\",\
         \"RequestId\":\"{ID}\",\"HostId\":\"127.0.0.1:80\",\"Recommend\":\"\"}}"
    );
    assert_eq!(text, expected);
    let text = String::from_utf8(error(Format::Xml, &not_found, REQUEST, "a<b")).unwrap();
    let expected = format!(
        "{DECLARATION}<Error><HttpStatus>404</HttpStatus><Code>Forbidden.KeyNotFound</Code>\
         <Message>The specified Key is not found.</Message><RequestId>{ID}</RequestId><HostId>a&lt;b</HostId>\
         <Recommend></Recommend></Error>"
    );
    assert_eq!(text, expected);
}

#[test]
fn what_xml_cannot_carry_is_replaced() {
    let text = "a\0b\u{1f}c\u{ffff}\r\n\t密";
    let rendered = String::from_utf8(answer_xml("X", &Answer::new().text("T", text), REQUEST)).unwrap();
    assert!(
        rendered.contains("<T>a\u{fffd}b\u{fffd}c\u{fffd}&#13;\n\t密</T>"),
        "{rendered}"
    );
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

proptest! {
    /// Any text survives, and the buffer that was set aside first is never outgrown (I2).
    #[test]
    fn any_text_survives_within_the_buffer(text in "(.|[\\x00-\\x1f\"\\\\<>&]){0,400}", number: u64) {
        let tree = Answer::new()
            .with("S", SecretText::new(text.clone()))
            .number("N", number)
            .list("L", "I", [text.clone(), text.clone()])
            .with("O", Answer::new().text("T", text.clone()));
        let rendered = answer_json(&tree, REQUEST);
        let read: serde_json::Value = serde_json::from_slice(&rendered).unwrap();
        let expected = json!({"S": text, "N": number, "L": {"I": [text, text]}, "O": {"T": text}, "RequestId": ID});
        prop_assert_eq!(read, expected);
        prop_assert!(rendered.len() <= json::answer_len_max(&tree) + json::ENVELOPE_LEN);
        let rendered = answer_xml("GenerateDataKeyWithoutPlaintext", &tree, REQUEST);
        prop_assert!(rendered.len() <= xml::fields_len_max(&tree) + 2 * 31 + xml::ENVELOPE_LEN);

        let failure = ApiError::with_message(Code::Internal, text.clone());
        let read: serde_json::Value = serde_json::from_slice(&error_json(&failure, REQUEST, &text)).unwrap();
        prop_assert_eq!(read["Message"].as_str(), Some(text.as_str()));
        prop_assert_eq!(read["HostId"].as_str(), Some(text.as_str()));
    }
}
