//! The solver, a process of its own that reads SMT-LIB from a pipe.

use std::path::Path;

use cedar_policy::{PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::err::{Error, SolverError};
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicySet, Env};
use tokio::process::Command;

use crate::cli::exit::Failure;
use crate::policy::cedar::proof::Sides;

/// What the solver says of one question.
pub(super) enum Answer {
    /// The new side allows nothing that the old one does not.
    Proved,
    /// It allows this.
    Refuted(Box<Env>),
    /// It could not be found out; why.
    Open(String),
}

/// A running solver.
pub(super) struct Asked {
    compiler: CedarSymCompiler<LocalSolver>,
}

impl Asked {
    /// Starts the program.
    pub fn start(program: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command
            .args(["--lang", "smt", QUESTION_TIME_MAX])
            .kill_on_drop(true);
        let solver = LocalSolver::from_command(&mut command).map_err(|fault| unreachable(program, &fault))?;
        let compiler = CedarSymCompiler::new(solver)
            .map_err(|fault| Failure::Unreachable(format!("the solver `{}`: {fault}", program.display())))?;
        Ok(Self { compiler })
    }

    /// Asks whether the new side allows only what the old one does, for one kind of request.
    pub async fn ask(
        &mut self,
        program: &Path,
        sides: &Sides,
        environment: &RequestEnv,
        schema: &Schema,
    ) -> Result<Answer, Failure> {
        match self.answer(&sides.new, &sides.old, environment, schema).await {
            Ok(None) => Ok(Answer::Proved),
            Ok(Some(counterexample)) => Ok(Answer::Refuted(Box::new(counterexample))),
            Err(Error::SolverError(fault)) => Err(unreachable(program, &fault)),
            Err(Error::SolverUnknown) => Ok(Answer::Open("the solver does not know".to_owned())),
            Err(fault) => Ok(Answer::Open(fault.to_string())),
        }
    }

    async fn answer(
        &mut self,
        new: &PolicySet,
        old: &PolicySet,
        environment: &RequestEnv,
        schema: &Schema,
    ) -> Result<Option<Env>, Error> {
        let new = CompiledPolicySet::compile(new, environment, schema)?;
        let old = CompiledPolicySet::compile(old, environment, schema)?;
        self.compiler
            .check_implies_with_counterexample_opt(&new, &old)
            .await
    }
}

fn unreachable(program: &Path, fault: &SolverError) -> Failure {
    let cause = match fault {
        SolverError::Io(cause) => cause.to_string(),
        other => other.to_string(),
    };
    Failure::Unreachable(format!(
        "the solver `{}` can't be run: {cause}\n\
         install cvc5 and name it by --solver or CHANCERY_CVC5; or `pip install cvc5`, and name policies/cvc5.py",
        program.display()
    ))
}

/// Longest time for one question, milliseconds.
const QUESTION_TIME_MAX: &str = "--tlimit-per=60000";
