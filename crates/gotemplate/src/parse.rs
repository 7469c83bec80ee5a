//! The grammar of templates: tokens to trees, with everything that is refused before a template runs.
mod pipeline;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ast::{Branch, List, Node, TemplateCall};
use crate::error::Error;
use crate::functions::FunctionSet;
use crate::lex::{Lexer, Token, TokenKind};
use crate::literal;

/// How deep blocks and parentheses may nest.
const MAX_NESTING: usize = 100;

/// The templates of one text by name; the text itself is the one of the given name.
pub(crate) type Trees = BTreeMap<Arc<str>, List>;

/// Parses a text and all templates it defines.
pub(crate) fn parse(name: &str, source: &str, functions: FunctionSet) -> Result<Trees, Error> {
    let mut parser = Parser {
        name,
        source,
        functions,
        lexer: Lexer::new(source),
        ahead: Vec::with_capacity(3),
        last_line: 1,
        last_position: 0,
        action_line: None,
        variables: vec!["$".into()],
        range_depth: 0,
        nesting: 0,
        next_id: 0,
        trees: Trees::default(),
    };
    let root = parser.top_level()?;
    parser.add(name.into(), root)?;
    Ok(parser.trees)
}

struct Parser<'s> {
    name: &'s str,
    source: &'s str,
    functions: FunctionSet,
    lexer: Lexer<'s>,
    /// Tokens put back, the next one last.
    ahead: Vec<Token<'s>>,
    /// Line and position of the token cut last: errors name its line.
    last_line: usize,
    last_position: usize,
    action_line: Option<usize>,
    variables: Vec<Arc<str>>,
    range_depth: usize,
    nesting: usize,
    next_id: u32,
    trees: Trees,
}

/// A node, or the keyword that ends a list of nodes.
enum Item {
    Node(Node),
    End,
    Else,
}

type Parsed<T> = Result<T, Error>;

impl<'s> Parser<'s> {
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= MAX_NESTING {
            return self.fail(format!("nested more than {MAX_NESTING} deep"));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    fn id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    fn top_level(&mut self) -> Parsed<List> {
        let mut list = List::default();
        while self.peek() != TokenKind::Eof {
            if self.peek() == TokenKind::LeftDelim {
                let delimiter = self.next();
                let word = self.next_non_space();
                if word.kind == TokenKind::Define {
                    self.definition()?;
                    continue;
                }
                self.put_back(word);
                self.put_back(delimiter);
            }
            match self.text_or_action()? {
                Item::Node(node) => list.nodes.push(node),
                Item::End => return self.fail("unexpected {{end}}"),
                Item::Else => return self.fail("unexpected {{else}}"),
            }
        }
        Ok(list)
    }

    fn add(&mut self, name: Arc<str>, list: List) -> Parsed<()> {
        match self.trees.get(&name) {
            Some(known) if !known.is_blank() => {
                if !list.is_blank() {
                    let name = crate::gofmt::quote(&name);
                    return self.fail(format!("template: multiple definition of template {name}"));
                }
            }
            _ => {
                self.trees.insert(name, list);
            }
        }
        Ok(())
    }

    fn definition(&mut self) -> Parsed<()> {
        let context = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        self.expect(TokenKind::RightDelim, context)?;
        let list = self.body(context)?;
        self.add(name, list)
    }

    /// The nodes of a template of its own, up to its end; it sees none of the variables around it.
    fn body(&mut self, context: &str) -> Parsed<List> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let range_depth = std::mem::take(&mut self.range_depth);
        let (list, end) = self.deeper(Self::item_list)?;
        (self.variables, self.range_depth) = (variables, range_depth);
        match end {
            Item::End => Ok(list),
            _ => self.fail(format!("unexpected {{{{else}}}} in {context}")),
        }
    }

    fn template_name(&mut self, token: &Token<'s>, context: &str) -> Parsed<Arc<str>> {
        match token.kind {
            TokenKind::String | TokenKind::RawString => self.unquoted(token).map(Into::into),
            _ => self.unexpected(token, context),
        }
    }

    fn unquoted(&self, token: &Token<'s>) -> Parsed<String> {
        match literal::unquote(&token.text) {
            Some(text) => Ok(text),
            None => self.fail("invalid syntax"),
        }
    }

    /// Nodes up to `{{end}}` or `{{else}}`, and which of them it was.
    fn item_list(&mut self) -> Parsed<(List, Item)> {
        let mut list = List::default();
        while self.peek_non_space() != TokenKind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => list.nodes.push(node),
                end => return Ok((list, end)),
            }
        }
        self.fail("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            TokenKind::Text => Ok(Item::Node(Node::Text { id: self.id(), text: token.text.into_owned() })),
            TokenKind::LeftDelim => {
                self.action_line = Some(token.line);
                let item = self.action()?;
                self.action_line = None;
                Ok(item)
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        let position = token.position as u32;
        let node = match token.kind {
            TokenKind::Else => return self.else_control(),
            TokenKind::End => {
                self.expect(TokenKind::RightDelim, "end")?;
                return Ok(Item::End);
            }
            TokenKind::Block => self.block_control()?,
            TokenKind::Break => self.loop_control("{{break}}", Node::Break { position })?,
            TokenKind::Continue => self.loop_control("{{continue}}", Node::Continue { position })?,
            TokenKind::If => Node::If(self.branch("if")?),
            TokenKind::Range => Node::Range(self.branch("range")?),
            TokenKind::Template => self.template_control()?,
            TokenKind::With => Node::With(self.branch("with")?),
            _ => {
                self.put_back(token);
                let pipe = self.pipeline("command", TokenKind::RightDelim)?;
                Node::Action { id: self.id(), position, pipe }
            }
        };
        Ok(Item::Node(node))
    }

    fn else_control(&mut self) -> Parsed<Item> {
        // What follows `else` on the same action is left for the branch to read.
        if !matches!(self.peek_non_space(), TokenKind::If | TokenKind::With) {
            self.expect(TokenKind::RightDelim, "else")?;
        }
        Ok(Item::Else)
    }

    fn loop_control(&mut self, shown: &str, node: Node) -> Parsed<Node> {
        let token = self.next_non_space();
        if token.kind != TokenKind::RightDelim {
            return self.unexpected(&token, shown);
        }
        if self.range_depth == 0 {
            return self.fail(format!("{shown} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn branch(&mut self, context: &str) -> Parsed<Box<Branch>> {
        self.deeper(|parser| parser.branch_parts(context)).map(Box::new)
    }

    fn branch_parts(&mut self, context: &str) -> Parsed<Branch> {
        let variables = self.variables.len();
        let pipe = self.pipeline(context, TokenKind::RightDelim)?;
        let in_loop = usize::from(context == "range");
        self.range_depth += in_loop;
        let (list, end) = self.item_list()?;
        self.range_depth -= in_loop;
        let else_list = match end {
            Item::Else => Some(self.else_list(context)?),
            _ => None,
        };
        self.variables.truncate(variables);
        Ok(Branch { position: pipe.position, pipe, list, else_list })
    }

    /// The nodes after `{{else}}`; `{{else if}}` and `{{else with}}` are a branch that ends where the outer one ends.
    fn else_list(&mut self, context: &str) -> Parsed<List> {
        let chained = match (context, self.peek()) {
            ("if", TokenKind::If) => Some(Node::If as fn(Box<Branch>) -> Node),
            ("with", TokenKind::With) => Some(Node::With as fn(Box<Branch>) -> Node),
            _ => None,
        };
        if let Some(node) = chained {
            self.next();
            return Ok(List { nodes: vec![node(self.branch(context)?)] });
        }
        match self.item_list()? {
            (list, Item::End) => Ok(list),
            _ => self.fail("expected end; found {{else}}"),
        }
    }

    fn block_control(&mut self) -> Parsed<Node> {
        let context = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        let pipe = self.pipeline(context, TokenKind::RightDelim)?;
        let list = self.body(context)?;
        self.add(name.clone(), list)?;
        let call = TemplateCall { position: token.position as u32, name, pipe: Some(pipe) };
        Ok(Node::Template { id: self.id(), call })
    }

    fn template_control(&mut self) -> Parsed<Node> {
        let context = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        let following = self.next_non_space();
        let pipe = if following.kind == TokenKind::RightDelim {
            None
        } else {
            self.put_back(following);
            Some(self.pipeline(context, TokenKind::RightDelim)?)
        };
        let call = TemplateCall { position: token.position as u32, name, pipe };
        Ok(Node::Template { id: self.id(), call })
    }
}
