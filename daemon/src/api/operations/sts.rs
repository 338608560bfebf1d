//! Temporary credentials, and who is asking.

use crate::api::params::Params;
use crate::api::table::{Param, Request, Row, STS};
use crate::base::principal::NameFault;
use crate::base::{AccountId, ApiError, Code, RoleName, SessionName, SourceIdentity, limits};
use crate::engine::query::caller::GetCallerIdentity;
use crate::engine::{AssumeRole, Class, DocumentKind, Work, check_policy};

/// The family's rows.
pub static ROWS: [Row; 2] = [
    Row::new(
        Class::Command,
        (&STS, "AssumeRole", "sts/AssumeRole"),
        "Gives temporary credentials for a role that trusts the caller; the answer has their secret, which is shown once.",
        &[
            Param::required("RoleArn", "acs:ram::ACCOUNT:role/NAME"),
            Param::required(
                "RoleSessionName",
                "what you call the session: 2 to 64 of A-Z a-z 0-9 . @ _ -",
            ),
            Param::optional("DurationSeconds", "900 to what the role allows; default 3600"),
            Param::optional(
                "Policy",
                "a policy, JSON, at most 2048 characters: the session may do no more than it allows",
            ),
            Param::optional(
                "ExternalId",
                "what the role's trust policy asks for, 2 to 1224 characters",
            ),
            Param::optional(
                "SourceIdentity",
                "who is behind the session: 2 to 64 of A-Z a-z 0-9 . @ _ -",
            ),
        ],
        assume_role,
    ),
    Row::new(
        Class::Query,
        (&STS, "GetCallerIdentity", "sts/GetCallerIdentity"),
        "Says who signed this request.",
        &[],
        |request| {
            let actor = request.actor.clone();
            Ok(Work::Query(Box::new(GetCallerIdentity { actor })))
        },
    )
    // Authentication is enough; no policy can take it away.
    .open(),
];

fn assume_role(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let (account, role) = role_arn(params.required("RoleArn")?)
        .ok_or_else(|| ApiError::invalid_part("RoleArn", "it must be acs:ram::ACCOUNT:role/NAME"))?;
    let session = params.required("RoleSessionName")?;
    let session = named("RoleSessionName", session, SessionName::parse)?;
    let seconds = params
        .optional_integer(
            "DurationSeconds",
            limits::SESSION_SECONDS_MIN..=limits::SESSION_SECONDS_MAX,
        )
        .map_err(|error| ApiError {
            part: Some("DurationSeconds".into()),
            ..error
        })?;
    let source = params
        .optional("SourceIdentity")
        .map(|text| named("SourceIdentity", text, SourceIdentity::parse));
    Ok(Work::Command(Box::new(AssumeRole {
        actor: request.actor.clone(),
        account,
        role,
        session,
        seconds: seconds.unwrap_or(limits::SESSION_SECONDS_DEFAULT),
        policy: session_policy(params)?,
        external_id: external_id(params)?,
        source: source.transpose()?,
    })))
}

/// `acs:ram::ACCOUNT:role/NAME`.
fn role_arn(text: &str) -> Option<(AccountId, RoleName)> {
    let (account, resource) = text.strip_prefix("acs:ram::")?.split_once(':')?;
    let role = RoleName::parse(resource.strip_prefix("role/")?).ok()?;
    Some((account.parse().ok()?, role))
}

fn named<T>(
    parameter: &'static str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, NameFault>,
) -> Result<T, ApiError> {
    parse(text).map_err(|fault| ApiError::invalid_part(parameter, &fault.to_string()))
}

fn external_id(params: &Params) -> Result<Option<String>, ApiError> {
    let Some(text) = params.optional("ExternalId") else {
        return Ok(None);
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b);
    if limits::EXTERNAL_ID_CHARS.contains(&text.len()) && text.bytes().all(allowed) {
        Ok(Some(text.to_owned()))
    } else {
        let expected = "it must be 2 to 1224 of A-Z a-z 0-9 _ + = , . @ : / -";
        Err(ApiError::invalid_part("ExternalId", expected))
    }
}

/// What can't be read is refused here, and never stored.
fn session_policy(params: &Params) -> Result<Option<String>, ApiError> {
    let Some(text) = params.optional("Policy") else {
        return Ok(None);
    };
    if text.chars().count() > limits::SESSION_POLICY_CHARS_MAX {
        let text = "The session policy is not valid: at most 2048 characters are allowed.";
        return Err(policy_fault("PolicySize", text.to_owned()));
    }
    check_policy(DocumentKind::Session, text).map_err(|fault| {
        policy_fault(
            "PolicyGrammar",
            format!("The session policy is not valid: {fault}."),
        )
    })?;
    Ok(Some(text.to_owned()))
}

fn policy_fault(part: &'static str, message: String) -> ApiError {
    ApiError {
        part: Some(part.into()),
        ..ApiError::with_message(Code::InvalidParameter, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_role_arns_name_roles() {
        let read = |text| role_arn(text).map(|(account, role)| format!("{account} {role}"));
        assert_eq!(
            read("acs:ram::1000000000000001:role/Deploy").as_deref(),
            Some("1000000000000001 Deploy")
        );
        for bad in [
            "",
            "acs:ram::1000000000000001:role/",
            "acs:ram::1000000000000001:user/a",
            "acs:ram:cn-hangzhou:1000000000000001:role/a",
            "acs:ram::1:role/a",
            "acs:ram::1000000000000001:role/a/b",
            "acs:ram::*:role/a",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn external_ids_are_bounded() {
        let read =
            |text: &str| external_id(&Params::parse(Some(&format!("ExternalId={text}")), None).unwrap());
        for good in ["ab", "a:b/c,d.e@f-g_h", &"x".repeat(1_224)] {
            assert_eq!(read(good).unwrap().as_deref(), Some(good));
        }
        for bad in ["a", "a%20b", "a%C3%A4", &"x".repeat(1_225)] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
