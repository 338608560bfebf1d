//! Groups of users.

use super::read::{
    COMMENTS_HELP, GROUP_HELP, MARKER_HELP, MAX_ITEMS_HELP, USER_HELP, comments, group, marked, name, user,
};
use crate::api::table::{Param, RAM, Request, Row};
use crate::base::{ApiError, GroupName, UserName};
use crate::engine::query::groups::{GetGroup, ListGroups, ListUsersForGroup};
use crate::engine::{
    AddUserToGroup, Class, CreateGroup, DeleteGroup, RemoveUserFromGroup, UpdateGroup, Work,
};

/// The family's rows.
pub static ROWS: [Row; 8] = [
    Row::new(
        Class::Command,
        (&RAM, "CreateGroup", "ram/CreateGroup"),
        "Makes a group, whose members have the policies that it has.",
        &[
            Param::required("GroupName", GROUP_HELP),
            Param::optional("Comments", COMMENTS_HELP),
        ],
        |request| {
            let name = group(request.params)?;
            let comments = comments(request.params, "Comments")?.unwrap_or_default();
            Ok(Work::Command(Box::new(CreateGroup { name, comments })))
        },
    ),
    Row::new(
        Class::Query,
        (&RAM, "GetGroup", "ram/GetGroup"),
        "Describes a group.",
        &[Param::required("GroupName", GROUP_HELP)],
        |request| {
            let name = group(request.params)?;
            Ok(Work::Query(Box::new(GetGroup { name })))
        },
    ),
    Row::new(
        Class::Command,
        (&RAM, "UpdateGroup", "ram/UpdateGroup"),
        "Changes or renames a group; what is left out stays, members and policies too.",
        &[
            Param::required("GroupName", GROUP_HELP),
            Param::optional("NewGroupName", GROUP_HELP),
            Param::optional("NewComments", COMMENTS_HELP),
        ],
        update,
    ),
    Row::new(
        Class::Command,
        (&RAM, "DeleteGroup", "ram/DeleteGroup"),
        "Deletes a group that has no members and no policies.",
        &[Param::required("GroupName", GROUP_HELP)],
        |request| {
            let name = group(request.params)?;
            Ok(Work::Command(Box::new(DeleteGroup { name })))
        },
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListGroups", "ram/ListGroups"),
        "Lists the groups, by name.",
        &[
            Param::optional("Marker", MARKER_HELP),
            Param::optional("MaxItems", MAX_ITEMS_HELP),
        ],
        |request| {
            let page = marked(request.params, "ListGroups", |name| GroupName::parse(name).ok())?;
            Ok(Work::Query(Box::new(ListGroups { page })))
        },
    ),
    Row::new(
        Class::Command,
        (&RAM, "AddUserToGroup", "ram/AddUserToGroup"),
        "Puts a user into a group; a user is in 10 at the most.",
        &[
            Param::required("UserName", USER_HELP),
            Param::required("GroupName", GROUP_HELP),
        ],
        |request| {
            let user = user(request.params)?;
            let group = group(request.params)?;
            Ok(Work::Command(Box::new(AddUserToGroup { user, group })))
        },
    ),
    Row::new(
        Class::Command,
        (&RAM, "RemoveUserFromGroup", "ram/RemoveUserFromGroup"),
        "Takes a user out of a group.",
        &[
            Param::required("UserName", USER_HELP),
            Param::required("GroupName", GROUP_HELP),
        ],
        |request| {
            let user = user(request.params)?;
            let group = group(request.params)?;
            Ok(Work::Command(Box::new(RemoveUserFromGroup { user, group })))
        },
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListUsersForGroup", "ram/ListUsersForGroup"),
        "Lists the members of a group, by name.",
        &[
            Param::required("GroupName", GROUP_HELP),
            Param::optional("Marker", MARKER_HELP),
            Param::optional("MaxItems", MAX_ITEMS_HELP),
        ],
        |request| {
            let group = group(request.params)?;
            let page = marked(request.params, "ListUsersForGroup", |name| {
                UserName::parse(name).ok()
            })?;
            Ok(Work::Query(Box::new(ListUsersForGroup { group, page })))
        },
    ),
];

fn update(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let of = group(params)?;
    let new_name = params
        .optional("NewGroupName")
        .map(|_| name(params, "NewGroupName", GroupName::parse));
    Ok(Work::Command(Box::new(UpdateGroup {
        name: of,
        new_name: new_name.transpose()?,
        comments: comments(params, "NewComments")?,
    })))
}
