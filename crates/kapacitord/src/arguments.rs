//! Flags as Go's programs take them: `-flag value`, `-flag=value`, one dash or two.

/// What was said on the command line of one command.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    values: Vec<(String, String)>,
    pub rest: Vec<String>,
    /// `-h` or `-help` was among them.
    pub help: bool,
}

impl Arguments {
    /// `known` flags all take a value.
    ///
    /// # Errors
    /// A flag that is not known, or lacks its value.
    pub fn parse(args: &[String], known: &[&str]) -> Result<Arguments, String> {
        let mut out = Arguments::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let Some(flag) = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|flag| !flag.is_empty())
            else {
                out.rest.push(arg.clone());
                out.rest.extend(args.cloned());
                break;
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (flag, None),
            };
            if matches!(name, "h" | "help") {
                out.help = true;
                continue;
            }
            if !known.contains(&name) {
                let near = declare::did_you_mean(&declare::nearest(name, known.iter().copied()));
                return Err(format!("flag provided but not defined: -{name}{near}"));
            }
            let value = match value {
                Some(value) => value,
                None => args.next().cloned().ok_or_else(|| format!("flag needs an argument: -{name}"))?,
            };
            out.values.push((name.to_string(), value));
        }
        Ok(out)
    }

    /// The last value of a flag.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Arguments, String> {
        let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
        Arguments::parse(&args, &["config", "hostname"])
    }

    #[test]
    fn flags_come_in_all_spellings() {
        for args in [&["-config", "a"][..], &["--config", "a"], &["-config=a"], &["--config=a"]] {
            assert_eq!(parse(args).unwrap().get("config"), Some("a"));
        }
        assert_eq!(parse(&["x", "-config"]).unwrap().rest, ["x", "-config"]);
        assert!(parse(&["-h"]).unwrap().help);
        assert_eq!(parse(&["-config"]).unwrap_err(), "flag needs an argument: -config");
        assert_eq!(
            parse(&["-confi", "a"]).unwrap_err(),
            "flag provided but not defined: -confi, did you mean \"config\"?"
        );
    }
}
