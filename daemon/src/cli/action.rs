//! `chancery PRODUCT ACTION --Param value …`, made from the table of operations (I3).

use std::borrow::Cow;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use zeroize::Zeroizing;

use super::exit::{Failure, pretty, say};
use super::patience::Patience;
use super::target::Target;
use super::value::{self, Stdin};
use crate::api::table::{self, Product, Row};

/// The command of a product: one subcommand for each of its operations.
pub(super) fn command(product: &'static Product) -> Command {
    // The arguments of `Target` first: they bring a description of their own.
    let command = Target::augment_args(Command::new(product.name))
        .about(format!("Call the API: {}", product.summary))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("ACTION")
        .subcommand_help_heading("Actions")
        .after_help(format!(
            "`chancery {} ACTION --help` explains an action and its parameters.\n\n{}",
            product.name,
            value::HELP
        ));
    rows(product).fold(command, |command, row| command.subcommand(action(row)))
}

fn action(row: &'static Row) -> Command {
    let command = Command::new(row.action)
        .about(row.summary)
        .after_help(value::HELP);
    let params = row.params.iter().flat_map(|param| {
        let help = if param.required {
            format!("{} (required)", param.help)
        } else {
            param.help.to_owned()
        };
        let first = parameter(param.name, help).required(param.required);
        // The help of the first one says how far the numbers go. Clap wants names that live as long as the program.
        let more = param
            .more_names()
            .map(|name| parameter(name.leak(), String::new()).hide(true));
        std::iter::once(first).chain(more)
    });
    let command = command.args(params);
    if row.product.global {
        return command;
    }
    command.arg(parameter(
        REGION,
        "one of the daemon's regions; default: its first".to_owned(),
    ))
}

fn parameter(name: &'static str, help: String) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("VALUE")
        .help(help)
        .help_heading("Parameters")
}

/// Calls the action that was named.
pub(super) fn run(product: &'static Product, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((row, matches)) = matches
        .subcommand()
        .and_then(|(name, matches)| Some((table::find(product.version, name)?, matches)))
    else {
        return Err(Failure::Usage(format!(
            "name an action: chancery {} --help",
            product.name
        )));
    };
    let target = Target::from_arg_matches(matches)?;
    let params = parameters(row, matches)?;
    let params: Vec<(&str, &str)> = params
        .iter()
        .map(|(name, value)| (name.as_ref(), value.as_str()))
        .collect();
    say(&call(&target, product, row.action, &params)?)
}

/// Calls an action and gives its answer, ready to be shown.
pub(super) fn call(
    target: &Target,
    product: &Product,
    action: &str,
    params: &[(&str, &str)],
) -> Result<Zeroizing<String>, Failure> {
    let _patience = Patience::with(target.place()?.to_string());
    let answer = Zeroizing::new(target.client()?.call(product.version, action, params)?);
    Ok(Zeroizing::new(pretty(&answer)))
}

/// A parameter that was given: its name and its value.
pub(super) type Given = (Cow<'static, str>, Zeroizing<String>);

/// The parameters that were given, in the table's order.
pub(super) fn parameters(row: &'static Row, matches: &ArgMatches) -> Result<Vec<Given>, Failure> {
    let mut stdin = Stdin::default();
    let names = row.params.iter().flat_map(|param| {
        let more = param.more_names().map(Cow::Owned);
        std::iter::once(Cow::Borrowed(param.name)).chain(more)
    });
    let mut given = Vec::new();
    let region = (!row.product.global).then_some(Cow::Borrowed(REGION));
    for name in names.chain(region) {
        if let Some(value) = matches.get_one::<String>(&name) {
            let value = value::read(&name, value, &mut stdin)?;
            given.push((name, value));
        }
    }
    Ok(given)
}

fn rows(product: &'static Product) -> impl Iterator<Item = &'static Row> {
    table::rows().filter(move |row| row.product == product)
}

/// The parameter that every action takes, of products that have regions.
const REGION: &str = "RegionId";
