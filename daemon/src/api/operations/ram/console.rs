//! What RAM says of the console. There is none here, so nobody has a password or a device; tools that look for them before
//! they delete a user are told so (wire contract of RAM, section 3.8).

use crate::api::table::{RAM, Row};
use crate::base::Answer;
use crate::engine::query::settings::Setting;
use crate::engine::{Class, Work};

/// The family's rows.
pub static ROWS: [Row; 3] = [
    Row::new(
        Class::Query,
        (&RAM, "ListVirtualMFADevices", "ram/ListVirtualMFADevices"),
        "Lists the devices of users; there are none.",
        &[],
        |_| setting(devices),
    ),
    Row::new(
        Class::Query,
        (&RAM, "GetPasswordPolicy", "ram/GetPasswordPolicy"),
        "Says what passwords must be like; there are none.",
        &[],
        |_| setting(passwords),
    ),
    Row::new(
        Class::Query,
        (&RAM, "GetSecurityPreference", "ram/GetSecurityPreference"),
        "Says what users may do for themselves at the console; there is none.",
        &[],
        |_| setting(preferences),
    ),
];

fn setting(says: fn() -> Answer) -> Result<Work, crate::base::ApiError> {
    Ok(Work::Query(Box::new(Setting { says })))
}

fn devices() -> Answer {
    Answer::new().list("VirtualMFADevices", "VirtualMFADevice", Vec::<Answer>::new())
}

fn passwords() -> Answer {
    let policy = Answer::new()
        .boolean("HardExpiry", false)
        .number("MaxLoginAttemps", 0)
        .number("MaxPasswordAge", 0)
        .number("MinimumPasswordDifferentCharacter", 0)
        .number("MinimumPasswordLength", 8)
        .boolean("PasswordNotContainUserName", false)
        .number("PasswordReusePrevention", 0)
        .boolean("RequireLowercaseCharacters", false)
        .boolean("RequireNumbers", false)
        .boolean("RequireSymbols", false)
        .boolean("RequireUppercaseCharacters", false);
    Answer::new().with("PasswordPolicy", policy)
}

fn preferences() -> Answer {
    let login = Answer::new()
        .boolean("AllowUserToChangePassword", false)
        .boolean("EnableSaveMFATicket", false)
        .text("LoginNetworkMasks", "")
        .number("LoginSessionDuration", 6);
    let preference = Answer::new()
        .with(
            "AccessKeyPreference",
            Answer::new().boolean("AllowUserToManageAccessKeys", false),
        )
        .with("LoginProfilePreference", login)
        .with(
            "MFAPreference",
            Answer::new().boolean("AllowUserToManageMFADevices", false),
        );
    Answer::new().with("SecurityPreference", preference)
}
