//! Format strings: literal text and verbs with flags, widths, precisions and argument numbers.
use crate::formatter::{Flags, Formatter, write_plain};
use crate::limits;
use crate::val::Val;
use crate::value::{Kind, Value};

/// Appends the arguments by the format.
pub(crate) fn printf(format: &str, arguments: &[Val<'_>], out: &mut String) -> Result<(), String> {
    let mut state = Printf { format, at: 0, arguments, next: 0, reordered: false, good_number: true, out };
    state.run()
}

/// Appends the arguments one after the other, with a space between two that are both no strings.
pub(crate) fn print(arguments: &[Val<'_>], out: &mut String) -> Result<(), String> {
    let mut after_string = true;
    for (index, argument) in arguments.iter().enumerate() {
        let is_string = argument.value().kind() == Kind::String;
        if index > 0 && !is_string && !after_string {
            out.push(' ');
        }
        write_plain(argument.value(), out);
        limits::check_output(out.len())?;
        after_string = is_string;
    }
    Ok(())
}

/// Appends the arguments with spaces between them and the end of a line.
pub(crate) fn println(arguments: &[Val<'_>], out: &mut String) -> Result<(), String> {
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write_plain(argument.value(), out);
        limits::check_output(out.len())?;
    }
    out.push('\n');
    Ok(())
}

struct Printf<'f, 'v, 'o> {
    format: &'f str,
    at: usize,
    arguments: &'f [Val<'v>],
    /// The argument that the next verb takes.
    next: usize,
    reordered: bool,
    good_number: bool,
    out: &'o mut String,
}

impl Printf<'_, '_, '_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(offset) = self.format[self.at..].find('%') {
            self.out.push_str(&self.format[self.at..self.at + offset]);
            self.at += offset + 1;
            if !self.verb() {
                self.out.push_str("%!(NOVERB)");
                break;
            }
            limits::check_output(self.out.len())?;
        }
        self.out.push_str(&self.format[self.at..]);
        if !self.reordered && self.next < self.arguments.len() {
            self.write_extra();
        }
        Ok(())
    }

    fn byte(&self) -> Option<u8> {
        self.format.as_bytes().get(self.at).copied()
    }

    /// What follows a `%`; false if the format ends before the verb.
    fn verb(&mut self) -> bool {
        self.good_number = true;
        let mut flags = Flags::default();
        while let Some(byte) = self.byte() {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        let mut numbered = self.argument_number();
        numbered = self.width(&mut flags, numbered);
        numbered = self.precision(&mut flags, numbered);
        if !numbered {
            self.argument_number();
        }
        let Some(verb) = self.format[self.at..].chars().next() else { return false };
        self.at += verb.len_utf8();
        self.write_argument(verb, flags);
        true
    }

    fn width(&mut self, flags: &mut Flags, numbered: bool) -> bool {
        if self.byte() == Some(b'*') {
            self.at += 1;
            match self.int_argument() {
                None => self.out.push_str("%!(BADWIDTH)"),
                Some(width) => {
                    flags.width = Some(width.unsigned_abs() as usize);
                    if width < 0 {
                        flags.minus = true;
                        flags.zero = false;
                    }
                }
            }
            return false;
        }
        flags.width = self.number();
        if numbered && flags.width.is_some() {
            self.good_number = false;
        }
        numbered
    }

    fn precision(&mut self, flags: &mut Flags, numbered: bool) -> bool {
        if self.byte() != Some(b'.') || self.at + 1 >= self.format.len() {
            return numbered;
        }
        self.at += 1;
        if numbered {
            self.good_number = false;
        }
        let numbered = self.argument_number();
        if self.byte() == Some(b'*') {
            self.at += 1;
            match self.int_argument() {
                None => self.out.push_str("%!(BADPREC)"),
                // A negative precision counts as none, and is complained about.
                Some(precision) if precision < 0 => self.out.push_str("%!(BADPREC)"),
                Some(precision) => flags.precision = Some(precision as usize),
            }
            return false;
        }
        flags.precision = Some(self.number().unwrap_or(0));
        numbered
    }

    /// `[3]`: the number of the next argument; true if there was one.
    fn argument_number(&mut self) -> bool {
        if self.byte() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let Some(end) = rest.find(']').filter(|_| rest.len() >= 3) else {
            self.good_number = false;
            self.at += 1;
            return false;
        };
        self.at += end + 1;
        let digits = &rest[1..end];
        let valid = !digits.is_empty() && digits.len() < 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: usize = if valid { digits.parse().unwrap_or(0) } else { 0 };
        if (1..=self.arguments.len()).contains(&number) {
            self.next = number - 1;
        } else {
            self.good_number = false;
        }
        valid
    }

    fn number(&mut self) -> Option<usize> {
        let rest = &self.format[self.at..];
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = &rest[..length];
        if length == 0 {
            return None;
        }
        match digits.parse::<usize>() {
            Ok(number) if number <= limits::MAX_WIDTH * 10 => {
                self.at += length;
                Some(number.min(limits::MAX_WIDTH))
            }
            _ => {
                // Go gives up on the rest of the format after such a number.
                self.at = self.format.len();
                None
            }
        }
    }

    fn int_argument(&mut self) -> Option<i64> {
        let number = self.arguments.get(self.next)?.value().as_int();
        self.next += 1;
        number.filter(|number| number.unsigned_abs() <= limits::MAX_WIDTH as u64)
    }

    fn write_argument(&mut self, verb: char, mut flags: Flags) {
        if verb == '%' {
            self.out.push('%');
            return;
        }
        let argument = self.arguments.get(self.next);
        let trouble = match argument {
            _ if !self.good_number => "(BADINDEX)",
            None => "(MISSING)",
            Some(argument) => {
                if matches!(verb, 'v' | 'w') {
                    flags.as_source = std::mem::take(&mut flags.sharp);
                    flags.field_names = std::mem::take(&mut flags.plus);
                }
                Formatter { out: self.out, flags }.write(argument.value(), verb);
                self.next += 1;
                return;
            }
        };
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push_str(trouble);
    }

    fn write_extra(&mut self) {
        self.out.push_str("%!(EXTRA ");
        for (index, argument) in self.arguments[self.next..].iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            match argument.value() {
                Value::Nil => self.out.push_str("<nil>"),
                value => {
                    self.out.push_str(value.type_name());
                    self.out.push('=');
                    write_plain(value, self.out);
                }
            }
        }
        self.out.push(')');
    }
}
