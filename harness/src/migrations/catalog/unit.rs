//! What PostgreSQL itself counts as one thing, under the number that it has there.

/// A kind of row that has an identity of its own in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::enum_variant_names, reason = "PostgreSQL's own names")]
pub(super) enum Class {
    Schema,
    Extension,
    Role,
    Tablespace,
    Language,
    Relation,
    Constraint,
    Type,
    Function,
    Operator,
    OperatorClass,
    OperatorFamily,
    AccessMethod,
    Cast,
    Transform,
    Collation,
    Conversion,
    Trigger,
    Rule,
    EventTrigger,
    Policy,
    Publication,
    Statistics,
    TextSearchParser,
    TextSearchTemplate,
    TextSearchDictionary,
    TextSearchConfiguration,
    ForeignDataWrapper,
    ForeignServer,
    UserMapping,
    DefaultPrivileges,
}

impl Class {
    /// Each class with the catalog that holds one row for each of its units.
    pub(super) const CATALOGS: [(Self, &'static str); 31] = [
        (Self::Schema, "pg_namespace"),
        (Self::Extension, "pg_extension"),
        (Self::Role, "pg_authid"),
        (Self::Tablespace, "pg_tablespace"),
        (Self::Language, "pg_language"),
        (Self::Relation, "pg_class"),
        (Self::Constraint, "pg_constraint"),
        (Self::Type, "pg_type"),
        (Self::Function, "pg_proc"),
        (Self::Operator, "pg_operator"),
        (Self::OperatorClass, "pg_opclass"),
        (Self::OperatorFamily, "pg_opfamily"),
        (Self::AccessMethod, "pg_am"),
        (Self::Cast, "pg_cast"),
        (Self::Transform, "pg_transform"),
        (Self::Collation, "pg_collation"),
        (Self::Conversion, "pg_conversion"),
        (Self::Trigger, "pg_trigger"),
        (Self::Rule, "pg_rewrite"),
        (Self::EventTrigger, "pg_event_trigger"),
        (Self::Policy, "pg_policy"),
        (Self::Publication, "pg_publication"),
        (Self::Statistics, "pg_statistic_ext"),
        (Self::TextSearchParser, "pg_ts_parser"),
        (Self::TextSearchTemplate, "pg_ts_template"),
        (Self::TextSearchDictionary, "pg_ts_dict"),
        (Self::TextSearchConfiguration, "pg_ts_config"),
        (Self::ForeignDataWrapper, "pg_foreign_data_wrapper"),
        (Self::ForeignServer, "pg_foreign_server"),
        (Self::UserMapping, "pg_user_mapping"),
        (Self::DefaultPrivileges, "pg_default_acl"),
    ];

    /// Whether its name stands in the descriptions of others that do not depend on it in
    /// PostgreSQL's eyes, so that all must be read again when it changes.
    pub(super) fn is_named_everywhere(self) -> bool {
        matches!(self, Self::Schema | Self::Extension | Self::Role | Self::Tablespace)
    }
}

/// One row of the catalog that has an identity: its class and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Unit {
    pub(super) class: Class,
    pub(super) oid: u32,
}
