//! What would be decided, before anybody depends on it.

use std::collections::BTreeMap;

use super::read::repeated;
use super::tags::tags_of_json;
use crate::api::table::{CHANCERY, Param, Request, Row};
use crate::base::{ApiError, limits};
use crate::engine::query::simulation::SimulatePolicy;
use crate::engine::{Class, Simulation, Who, Work};

/// The family's rows. Thousands of checks take their time.
pub static ROWS: [Row; 1] = [Row::new(
    Class::Query,
    (&CHANCERY, "SimulatePolicy", "chancery/SimulatePolicy"),
    "Says what would be decided, by which statements, and what a denial lacks; nothing is done.",
    &[
        Param::optional(
            "Principal",
            "root, user/NAME or role/NAME; default everybody of the account",
        ),
        Param::optional(
            "Action.1",
            "an action or a pattern, kms:Decrypt; default every action",
        )
        .up_to(NAMED_MAX),
        Param::optional("Resource.1", "an ARN or *").up_to(NAMED_MAX),
        Param::optional(
            "Context",
            "JSON object of condition values: {\"acs:SourceIp\":\"10.0.0.1\"}",
        ),
        Param::optional(
            "Tags",
            "JSON: [{\"TagKey\":\"k\",\"TagValue\":\"v\"}]; of the keys among the resources",
        ),
        Param::optional(
            "PolicyDocument.1",
            "a policy that the principal is supposed to have",
        )
        .up_to(limits::SIMULATED_POLICIES_MAX),
        Param::optional(
            "Instead",
            "true: these policies are all that it has; default false",
        ),
        Param::optional("KeyPolicy", "what is supposed to be the policy of the keys"),
        Param::optional(
            "SessionPolicy",
            "what is supposed to be the policy of the session",
        ),
        Param::optional("Cedar", "true: show what Cedar decides on; default false"),
    ],
    simulate,
)
.long()];

fn simulate(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let texts = |name, most| {
        let texts = repeated(params, name, "", most)?;
        Ok::<Vec<String>, ApiError>(texts.into_iter().map(str::to_owned).collect())
    };
    let document = |name, bytes_max: usize| match params.optional(name) {
        Some(text) if text.len() > bytes_max => Err(ApiError::invalid_because(
            name,
            &format!("at most {bytes_max} bytes are allowed"),
        )),
        text => Ok(text.map(str::to_owned)),
    };
    let policies = texts("PolicyDocument", limits::SIMULATED_POLICIES_MAX)?;
    if policies
        .iter()
        .any(|text| text.chars().count() > limits::POLICY_CHARS_MAX)
    {
        let expected = format!("at most {} characters are allowed", limits::POLICY_CHARS_MAX);
        return Err(ApiError::invalid_because("PolicyDocument", &expected));
    }
    let context = params.optional_as("Context", |text| {
        serde_json::from_str::<BTreeMap<String, String>>(text).ok()
    })?;
    let tags = params
        .optional("Tags")
        .map(|text| tags_of_json("Tags", text))
        .transpose()?;
    let simulation = Simulation {
        who: params.optional_as("Principal", Who::parse)?,
        actions: texts("Action", NAMED_MAX)?,
        resources: texts("Resource", NAMED_MAX)?,
        context: context.unwrap_or_default(),
        tags: tags.unwrap_or_default(),
        policies,
        instead: params.optional_bool("Instead")?.unwrap_or(false),
        key_policy: document("KeyPolicy", limits::KEY_POLICY_BYTES_MAX)?,
        session_policy: document("SessionPolicy", limits::SESSION_POLICY_CHARS_MAX)?,
        cedar: params.optional_bool("Cedar")?.unwrap_or(false),
        ..Simulation::of(request.scope.account, request.scope.at)
    };
    Ok(Work::Query(Box::new(SimulatePolicy { simulation })))
}

/// Most actions, and most resources, that one call names.
const NAMED_MAX: usize = 20;
