//! `chancery policy compare`. The proof itself is behind the feature `prove`: the symbolic compiler takes minutes to
//! build, and a solver must stand beside it, so the daemon that serves has neither.

#[cfg(feature = "prove")]
mod prove;
#[cfg(feature = "prove")]
mod solver;

use std::path::PathBuf;

use super::check::Kind;
use crate::cli::exit::Failure;

/// Prove that a policy document is no more permissive than another, or show a request that comes through now
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The document as it was; `-` is stdin
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The document as it is to be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Where the documents are to stand
    #[arg(long, value_enum, default_value_t = Kind::Identity)]
    kind: Kind,
    /// As if no other document were attached: a Deny that goes matters only where the document allows
    #[arg(long)]
    alone: bool,
    /// The solver: cvc5, or a program that is driven like it
    #[arg(long, value_name = "PROGRAM", env = "CHANCERY_CVC5", default_value = "cvc5")]
    solver: PathBuf,
}

const HELP: &str = "\
Proved is, for every request there can be: what NEW allows, OLD allows; and what OLD denies explicitly, NEW denies
explicitly, for a Deny also takes away what other policies allow. Where a document must itself allow (--kind session,
trust) and with --alone, only the former matters.

A request that refutes it is read by the plain meaning of both documents before it is shown. If the solver finds
only requests that nobody can make, they are set aside; what can't be settled so counts as not proved.

Needs a build with the feature `prove` (cargo build --release -p chancery --features prove) and the solver cvc5:
on PATH, or named by --solver or CHANCERY_CVC5. `pip install cvc5` brings it as a library; policies/cvc5.py makes
a program of that.

Exit: 0 proved; 1 refuted, not settled, or a document is refused; 2 wrong usage, or a build without the feature;
3 the solver can't be run.

Examples:
  chancery policy compare app.json app-v2.json
  chancery policy compare --kind key key-policy.json key-policy-v2.json
  CHANCERY_CVC5=policies/cvc5.py chancery policy compare policies/system/AliyunKMSFullAccess.json app.json";

#[cfg(feature = "prove")]
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    prove::run(arguments)
}

#[cfg(not(feature = "prove"))]
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Declared for every build, so that the help and the completions are the same.
    let Arguments {
        old: _,
        new: _,
        kind: _,
        alone: _,
        solver: _,
    } = arguments;
    Err(Failure::Usage(MISSING.to_owned()))
}

#[cfg(not(feature = "prove"))]
const MISSING: &str = "this build can't prove: the symbolic compiler is left out, for it takes long to build\n\
    cargo build --release -p chancery --features prove   makes a program that can";

#[cfg(all(test, not(feature = "prove")))]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_the_prover_says_how_to_make_one() {
        let arguments = Arguments {
            old: "a".into(),
            new: "b".into(),
            kind: Kind::Identity,
            alone: false,
            solver: "cvc5".into(),
        };
        let (code, text) = run(&arguments).unwrap_err().into_parts();
        assert_eq!(code, 2);
        assert!(
            text.contains("cargo build --release -p chancery --features prove"),
            "{text}"
        );
    }
}
