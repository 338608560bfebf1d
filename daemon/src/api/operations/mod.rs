//! The families of operations. Each file has the rows of its family and the handlers that read their parameters.

pub mod account;
pub mod accounts;
pub mod alias;
pub mod cipher;
pub mod key;
pub mod key_policy;
pub mod lifecycle;
pub mod log;
mod ram;
mod read;
pub mod rotation;
mod simulation;
mod sts;
pub mod tags;

use super::table::Row;

/// Every family, in the order in which people meet them.
pub static FAMILIES: [&[Row]; 21] = [
    &key::ROWS,
    &lifecycle::ROWS,
    &cipher::ROWS,
    &alias::ROWS,
    &rotation::ROWS,
    &tags::ROWS,
    &key_policy::ROWS,
    &account::ROWS,
    &ram::users::ROWS,
    &ram::groups::ROWS,
    &ram::access_keys::ROWS,
    &ram::role::ROWS,
    &ram::policy::ROWS,
    &ram::attachment::ROWS,
    &ram::tags::ROWS,
    &ram::console::ROWS,
    &ram::diagnosis::ROWS,
    &sts::ROWS,
    &accounts::ROWS,
    &log::ROWS,
    &simulation::ROWS,
];
