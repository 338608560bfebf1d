//! Cedar behind the interface that the combination of layers asks, for those who hold documents and no compiled sets:
//! vectors, simulation, the command line.

use std::sync::Arc;

use super::compiled::{Compiled, Named};
use super::judge::Judge;
use crate::policy::language::Document;
use crate::policy::request::{Caller, Check};
use crate::policy::verdict::{Evaluator, Layer};

/// By slices, as requests are decided.
#[derive(Debug, Default)]
pub struct Slices(Judge);

impl Evaluator for Slices {
    fn layer(&self, documents: &[&Document], caller: &Caller<'_>, check: &Check<'_>) -> Layer {
        self.0.decide(&compiled(documents), caller, check).layer
    }
}

/// By whole sets, as proofs see them.
#[derive(Debug, Default)]
pub struct Whole(Judge);

impl Evaluator for Whole {
    fn layer(&self, documents: &[&Document], caller: &Caller<'_>, check: &Check<'_>) -> Layer {
        self.0
            .decide_whole(&compiled(documents), caller, check, None)
            .layer
    }
}

fn compiled(documents: &[&Document]) -> Compiled {
    Compiled::new(documents.iter().enumerate().map(|(index, document)| Named {
        name: index.to_string().into(),
        document: Arc::new((*document).clone()),
    }))
}
