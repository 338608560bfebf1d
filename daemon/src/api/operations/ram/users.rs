//! Users.

use super::read::{
    COMMENTS_HELP, MARKER_HELP, MAX_ITEMS_HELP, USER_HELP, comments, display, email, marked, mobile, name,
    user,
};
use crate::api::table::{Param, RAM, Request, Row};
use crate::base::{ApiError, Code, UserName};
use crate::engine::query::users::{GetUser, ListGroupsForUser, ListUsers, LookForNothing, WhichUser};
use crate::engine::{Class, CreateUser, DeleteUser, UpdateUser, Work};

const DISPLAY_HELP: &str = "what it is called on screens, at most 128 characters; default: UserName";
const MOBILE_HELP: &str = "country and number, as in 86-18600008888";
const EMAIL_HELP: &str = "a mail address";

/// The family's rows.
pub static ROWS: [Row; 10] = [
    Row::new(
        Class::Command,
        (&RAM, "CreateUser", "ram/CreateUser"),
        "Makes a user, which has no right at first.",
        &[
            Param::required("UserName", USER_HELP),
            Param::optional("DisplayName", DISPLAY_HELP),
            Param::optional("MobilePhone", MOBILE_HELP),
            Param::optional("Email", EMAIL_HELP),
            Param::optional("Comments", COMMENTS_HELP),
        ],
        create,
    ),
    Row::new(
        Class::Query,
        (&RAM, "GetUser", "ram/GetUser"),
        "Describes a user.",
        &[Param::optional("UserName", "a user; default: you")],
        get,
    ),
    Row::new(
        Class::Command,
        (&RAM, "UpdateUser", "ram/UpdateUser"),
        "Changes or renames a user; what is left out stays, what is empty is cleared.",
        &[
            Param::required("UserName", USER_HELP),
            Param::optional("NewUserName", USER_HELP),
            Param::optional("NewDisplayName", DISPLAY_HELP),
            Param::optional("NewMobilePhone", MOBILE_HELP),
            Param::optional("NewEmail", EMAIL_HELP),
            Param::optional("NewComments", COMMENTS_HELP),
        ],
        update,
    ),
    Row::new(
        Class::Command,
        (&RAM, "DeleteUser", "ram/DeleteUser"),
        "Deletes a user that is in no group and has neither policies nor access keys.",
        &[Param::required("UserName", USER_HELP)],
        |request| {
            let name = user(request.params)?;
            Ok(Work::Command(Box::new(DeleteUser { name })))
        },
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListUsers", "ram/ListUsers"),
        "Lists the users, by name.",
        &[
            Param::optional("Marker", MARKER_HELP),
            Param::optional("MaxItems", MAX_ITEMS_HELP),
        ],
        |request| {
            let page = marked(request.params, "ListUsers", |name| UserName::parse(name).ok())?;
            Ok(Work::Query(Box::new(ListUsers { page })))
        },
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListGroupsForUser", "ram/ListGroupsForUser"),
        "Lists the groups that a user is in.",
        &[Param::required("UserName", USER_HELP)],
        |request| {
            let user = user(request.params)?;
            Ok(Work::Query(Box::new(ListGroupsForUser { user })))
        },
    ),
    // Tools that empty a user before they delete it ask for these first.
    Row::new(
        Class::Query,
        (&RAM, "GetLoginProfile", "ram/GetLoginProfile"),
        "Says that a user has no password; nobody has.",
        &[Param::required("UserName", USER_HELP)],
        no_password,
    ),
    Row::new(
        Class::Query,
        (&RAM, "DeleteLoginProfile", "ram/DeleteLoginProfile"),
        "Says that a user has no password to delete; nobody has.",
        &[Param::required("UserName", USER_HELP)],
        no_password,
    ),
    Row::new(
        Class::Query,
        (&RAM, "GetUserMFAInfo", "ram/GetUserMFAInfo"),
        "Says that a user has no device; nobody has.",
        &[Param::required("UserName", USER_HELP)],
        no_device,
    ),
    Row::new(
        Class::Query,
        (&RAM, "UnbindMFADevice", "ram/UnbindMFADevice"),
        "Says that a user has no device to take away; nobody has.",
        &[Param::required("UserName", USER_HELP)],
        no_device,
    ),
];

fn create(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let name = user(params)?;
    Ok(Work::Command(Box::new(CreateUser {
        name,
        // The empty one is as good as none: a user is called something.
        display: display(params, "DisplayName")?.filter(|text| !text.is_empty()),
        mobile: mobile(params, "MobilePhone")?.unwrap_or_default(),
        email: email(params, "Email")?.unwrap_or_default(),
        comments: comments(params, "Comments")?.unwrap_or_default(),
    })))
}

fn get(request: &Request<'_>) -> Result<Work, ApiError> {
    let user = match (request.params.optional("UserName"), request.actor.user_id()) {
        (Some(_), _) => WhichUser::Named(user(request.params)?),
        (None, Some(caller)) => WhichUser::Caller(caller),
        (None, None) => return Err(ApiError::missing("UserName")),
    };
    Ok(Work::Query(Box::new(GetUser { user })))
}

fn update(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let of = user(params)?;
    let new_name = params
        .optional("NewUserName")
        .map(|_| name(params, "NewUserName", UserName::parse));
    Ok(Work::Command(Box::new(UpdateUser {
        name: of,
        new_name: new_name.transpose()?,
        display: display(params, "NewDisplayName")?,
        mobile: mobile(params, "NewMobilePhone")?,
        email: email(params, "NewEmail")?,
        comments: comments(params, "NewComments")?,
    })))
}

fn no_password(request: &Request<'_>) -> Result<Work, ApiError> {
    nothing(request, Code::LoginProfileNotFound)
}

fn no_device(request: &Request<'_>) -> Result<Work, ApiError> {
    nothing(request, Code::MfaDeviceNotFound)
}

fn nothing(request: &Request<'_>, absent: Code) -> Result<Work, ApiError> {
    let user = user(request.params)?;
    Ok(Work::Query(Box::new(LookForNothing { user, absent })))
}
