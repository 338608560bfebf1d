//! The whole table: every standing with every answer of every layer.

use super::*;
use crate::policy::request::owner;

const AT: StatementRef = StatementRef {
    document: 0,
    statement: 0,
};

fn answers() -> [Layer; 4] {
    [
        Layer::Silent,
        Layer::Allowed(vec![AT]),
        Layer::Denied(vec![AT]),
        Layer::Broken,
    ]
}

fn optional() -> Vec<Option<Layer>> {
    std::iter::once(None).chain(answers().map(Some)).collect()
}

fn table() -> Vec<(Standing, Layers)> {
    let mut table = Vec::new();
    for standing in [
        Standing::Root,
        Standing::Home,
        Standing::Stranger,
        Standing::Service,
    ] {
        for trust in optional() {
            for session in optional() {
                for identity in answers() {
                    for resource in optional() {
                        let layers = Layers {
                            trust: trust.clone(),
                            session: session.clone(),
                            identity: identity.clone(),
                            resource: resource.clone(),
                        };
                        table.push((standing, layers));
                    }
                }
            }
        }
    }
    table
}

fn present(layers: &Layers) -> Vec<(LayerName, Layer)> {
    let named = [
        (LayerName::Trust, layers.trust.clone()),
        (LayerName::Session, layers.session.clone()),
        (LayerName::Identity, Some(layers.identity.clone())),
        (LayerName::Resource, layers.resource.clone()),
    ];
    named
        .into_iter()
        .filter_map(|(name, layer)| Some((name, layer?)))
        .collect()
}

/// The rules as the reference lists them, each on its own line.
fn rule(standing: Standing, layers: &Layers) -> Kind {
    let allows = |layer: &Option<Layer>| layer.as_ref().is_some_and(Layer::allows);
    let identity = layers.identity.allows();
    if standing == Standing::Root && layers.trust.is_none() {
        return Kind::Root;
    }
    if present(layers)
        .iter()
        .any(|(_, layer)| matches!(layer, Layer::Denied(_) | Layer::Broken))
    {
        return Kind::ExplicitDeny;
    }
    if layers.session.is_some() && !allows(&layers.session) {
        return Kind::ImplicitDeny;
    }
    let granted = if layers.trust.is_some() {
        allows(&layers.trust) && (identity || standing == Standing::Service)
    } else if standing == Standing::Home {
        identity || allows(&layers.resource)
    } else {
        identity && allows(&layers.resource)
    };
    if granted { Kind::Allow } else { Kind::ImplicitDeny }
}

#[test]
fn the_whole_table_is_as_the_reference_says() {
    let table = table();
    assert_eq!(table.len(), 4 * 5 * 5 * 4 * 5);
    for (standing, layers) in table {
        let outcome = combine(standing, layers.clone());
        assert_eq!(outcome.kind, rule(standing, &layers), "{standing:?} {layers:?}");
    }
}

// What an event and an explanation rely on: who decided is a layer that is there, and the statements are its own.
#[test]
fn the_deciding_layer_and_statements_fit_the_kind() {
    for (standing, layers) in table() {
        let outcome = combine(standing, layers.clone());
        let context = format!("{standing:?} {layers:?} {outcome:?}");
        let present = present(&layers);
        let find = |name| {
            present
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, layer)| layer)
        };
        match outcome.kind {
            Kind::Root => assert!(
                outcome.layer.is_none() && outcome.statements.is_empty(),
                "{context}"
            ),
            Kind::Allow => {
                assert!(find(outcome.layer.unwrap()).unwrap().allows(), "{context}");
                assert!(!outcome.statements.is_empty(), "{context}");
                let allow = |(name, _): &(LayerName, StatementRef)| find(*name).unwrap().allows();
                assert!(outcome.statements.iter().all(allow), "{context}");
                // A session that was narrowed says by what.
                let by_session = outcome
                    .statements
                    .iter()
                    .any(|(name, _)| *name == LayerName::Session);
                assert_eq!(by_session, layers.session.is_some(), "{context}");
            }
            Kind::ExplicitDeny => {
                let denies = |layer: &Layer| matches!(layer, Layer::Denied(_) | Layer::Broken);
                let first = present.iter().find(|(_, layer)| denies(layer)).unwrap();
                assert_eq!(outcome.layer, Some(first.0), "{context}");
                assert_eq!(
                    outcome.statements.is_empty(),
                    first.1 == Layer::Broken,
                    "{context}"
                );
            }
            Kind::ImplicitDeny => {
                assert!(outcome.statements.is_empty(), "{context}");
                let allows = find(outcome.layer.unwrap()).is_some_and(Layer::allows);
                assert!(!allows, "{context}");
            }
        }
    }
}

#[test]
fn standing_follows_the_owner() {
    let standing = |account, who, owner| Standing::of(&Caller { account, who }, owner);
    let user = Who::User { name: "alice" };
    assert_eq!(standing("1", Who::Root, Some("1")), Standing::Root);
    assert_eq!(standing("1", Who::Root, None), Standing::Root);
    assert_eq!(standing("1", Who::Root, Some("2")), Standing::Stranger);
    assert_eq!(standing("1", user, Some("1")), Standing::Home);
    assert_eq!(standing("1", user, Some("2")), Standing::Stranger);
    assert_eq!(
        standing("", Who::Service("ecs.aliyuncs.com"), Some("1")),
        Standing::Service
    );
}

#[test]
fn nobody_owns_what_the_system_does() {
    assert_eq!(owner("acs:ram::system:policy/ReadOnlyAccess"), None);
    assert_eq!(owner("*"), None);
    assert_eq!(owner("acs:kms:cn-hangzhou:123456:key/a"), Some("123456"));
}
