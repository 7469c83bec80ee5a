//! A kind of node with its type forgotten, as the list of nodes holds it.

use std::any::Any;

use declare::Table;

use crate::{BuildError, Definition, EdgeKind, Flaw, Node, Place, Plan, Reach};

type Build = fn(&dyn Any, &Plan<'_>) -> Result<Box<dyn Node>, BuildError>;

/// What the interpreter, the checks and the documentation know of a kind of node.
pub struct NodeSpec {
    /// As a script calls it.
    pub name: &'static str,
    /// How its instances are named: this and a number.
    pub id: &'static str,
    /// The edge it needs; `None` takes both kinds.
    pub wants: Option<EdgeKind>,
    /// The only nodes it may follow; empty for any that gives an edge.
    pub after: &'static [&'static str],
    /// It may follow every node, also a source or one that gives nothing.
    pub after_any: bool,
    /// Made along with other nodes; scripts do not know it.
    pub internal: bool,
    /// It takes other nodes as arguments, which become its parents, too.
    pub takes_nodes: bool,
    /// The beginning of a pipeline: there from the start, never chained.
    pub source: bool,
    /// It does something with what it reads besides handing it on.
    pub acts: bool,
    /// Its properties may open alert handlers.
    pub opens_handlers: bool,
    /// A function of users' own, called as `@name()`.
    pub function: bool,
    /// The dialect of v0.2 had none of the kind, so what follows it is chained with `|` alone.
    pub modern: bool,
    /// What it gives without tags has no map of tags at all: see [`Plan::nil_tags`].
    pub nil_tags: bool,
    /// The edges on which it makes a map of tags, if need be an empty one.
    pub makes_tags: &'static [EdgeKind],
    pub table: Table,
    /// The version of what its nodes save.
    state: u8,
    grouping: fn(&dyn Any) -> Option<String>,
    reach: fn(&dyn Any, EdgeKind) -> Reach,
    gives: fn(&dyn Any, EdgeKind) -> EdgeKind,
    check: fn(&dyn Any, &Place<'_>) -> Result<(), String>,
    flaws: fn(&dyn Any) -> Vec<Flaw>,
    build: Build,
}

/// The spec of a definition, for the list.
pub fn spec<D: Definition>() -> NodeSpec {
    NodeSpec {
        name: D::NAME,
        id: D::ID,
        wants: D::WANTS,
        after: &[],
        after_any: false,
        internal: false,
        takes_nodes: false,
        source: false,
        acts: false,
        opens_handlers: false,
        function: false,
        modern: false,
        nil_tags: false,
        makes_tags: &[],
        table: Table::of::<D>(D::declare),
        state: D::STATE,
        grouping: |object| of::<D>(object).grouping(),
        reach: |object, input| of::<D>(object).reach(input),
        gives: |object, input| of::<D>(object).gives(input),
        check: |object, place| of::<D>(object).check(place),
        flaws: |object| of::<D>(object).flaws(),
        build: |object, plan| of::<D>(object).clone().build(plan),
    }
}

fn of<D: Definition>(object: &dyn Any) -> &D {
    object.downcast_ref().expect("a spec is used on the definition it was made for")
}

impl NodeSpec {
    /// It may follow only these nodes.
    #[must_use]
    pub fn after(mut self, names: &'static [&'static str]) -> NodeSpec {
        self.after = names;
        self
    }

    #[must_use]
    pub fn after_any(mut self) -> NodeSpec {
        self.after_any = true;
        self
    }

    #[must_use]
    pub fn internal(mut self) -> NodeSpec {
        self.internal = true;
        self
    }

    #[must_use]
    pub fn takes_nodes(mut self) -> NodeSpec {
        self.takes_nodes = true;
        self
    }

    #[must_use]
    pub fn source(mut self) -> NodeSpec {
        self.source = true;
        self
    }

    /// It does something with what it reads besides handing it on.
    #[must_use]
    pub fn acts(mut self) -> NodeSpec {
        self.acts = true;
        self
    }

    #[must_use]
    pub fn modern(mut self) -> NodeSpec {
        self.modern = true;
        self
    }

    #[must_use]
    pub fn nil_tags(mut self) -> NodeSpec {
        self.nil_tags = true;
        self
    }

    /// It makes a map of tags for what it gives on these edges.
    #[must_use]
    pub fn makes_tags(mut self, on: &'static [EdgeKind]) -> NodeSpec {
        self.makes_tags = on;
        self
    }

    #[must_use]
    pub fn opens_handlers(mut self) -> NodeSpec {
        self.opens_handlers = true;
        self
    }

    /// Scripts know it as `|name()`.
    pub(crate) fn is_chained(&self) -> bool {
        !self.internal && !self.function
    }

    pub fn gives(&self, object: &dyn Any, input: EdgeKind) -> EdgeKind {
        (self.gives)(object, input)
    }

    /// What it says of how points are grouped.
    pub(crate) fn grouping(&self, object: &dyn Any) -> Option<String> {
        (self.grouping)(object)
    }

    /// How far its node looks.
    pub(crate) fn reach(&self, object: &dyn Any, input: EdgeKind) -> Reach {
        (self.reach)(object, input)
    }

    /// What it is, as one text: another one means that its state is of no use.
    pub(crate) fn meaning(&self, object: &dyn Any) -> String {
        format!("{} {} {}", self.name, self.state, serde_json::Value::from(self.table.json(object)))
    }

    /// # Errors
    /// What does not fit together, for the script's author.
    pub fn check(&self, object: &dyn Any, place: &Place<'_>) -> Result<(), String> {
        (self.check)(object, place)
    }

    /// What keeps it from working, as far as it can tell more than one thing.
    pub fn flaws(&self, object: &dyn Any) -> Vec<Flaw> {
        (self.flaws)(object)
    }

    /// # Errors
    /// What cannot be built, such as a lambda whose types do not fit.
    pub fn build(&self, object: &dyn Any, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        (self.build)(object, plan)
    }
}
