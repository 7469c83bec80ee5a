//! How plain values, lists and numbers of the schema are saved.

use std::collections::VecDeque;

use super::{Damaged, Save, Saved, Saver};
use crate::{BatchHead, FieldType, GroupId, Name, SeriesId, ShapeId, Value};

impl Save for () {
    fn save(&self, _out: &mut Saver<'_>) {}

    fn restore(_from: &mut Saved<'_>) -> Result<(), Damaged> {
        Ok(())
    }
}

impl Save for bool {
    fn save(&self, out: &mut Saver<'_>) {
        out.byte(u8::from(*self));
    }

    fn restore(from: &mut Saved<'_>) -> Result<bool, Damaged> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Damaged("a boolean is neither true nor false")),
        }
    }
}

impl Save for u64 {
    fn save(&self, out: &mut Saver<'_>) {
        out.number(*self);
    }

    fn restore(from: &mut Saved<'_>) -> Result<u64, Damaged> {
        from.number()
    }
}

impl Save for i64 {
    fn save(&self, out: &mut Saver<'_>) {
        out.signed(*self);
    }

    fn restore(from: &mut Saved<'_>) -> Result<i64, Damaged> {
        from.signed()
    }
}

impl Save for f64 {
    fn save(&self, out: &mut Saver<'_>) {
        out.word(self.to_bits());
    }

    fn restore(from: &mut Saved<'_>) -> Result<f64, Damaged> {
        from.word().map(f64::from_bits)
    }
}

impl Save for usize {
    fn save(&self, out: &mut Saver<'_>) {
        out.number(*self as u64);
    }

    fn restore(from: &mut Saved<'_>) -> Result<usize, Damaged> {
        usize::try_from(from.number()?).map_err(|_| Damaged("a number is too large"))
    }
}

impl Save for String {
    fn save(&self, out: &mut Saver<'_>) {
        out.text(self);
    }

    fn restore(from: &mut Saved<'_>) -> Result<String, Damaged> {
        from.text().map(str::to_string)
    }

    fn owned(&self) -> usize {
        self.capacity()
    }
}

macro_rules! save_numbers {
    ($($type:ty: $method:ident),*) => {
        $(impl Save for $type {
            fn save(&self, out: &mut Saver<'_>) {
                out.$method(*self);
            }

            fn restore(from: &mut Saved<'_>) -> Result<Self, Damaged> {
                from.$method()
            }
        })*
    };
}

save_numbers!(Name: name, ShapeId: shape, SeriesId: series, GroupId: group);

impl Save for FieldType {
    fn save(&self, out: &mut Saver<'_>) {
        out.byte(*self as u8);
    }

    fn restore(from: &mut Saved<'_>) -> Result<FieldType, Damaged> {
        from.field_type()
    }
}

impl Save for Value {
    fn save(&self, out: &mut Saver<'_>) {
        self.field_type().save(out);
        match self {
            Value::Float(value) => value.save(out),
            Value::Int(value) | Value::Duration(value) | Value::Time(value) => value.save(out),
            Value::String(text) => out.text(text),
            Value::Bool(value) => value.save(out),
            Value::Null => {}
        }
    }

    fn restore(from: &mut Saved<'_>) -> Result<Value, Damaged> {
        Ok(match from.field_type()? {
            FieldType::Float => Value::Float(f64::restore(from)?),
            FieldType::Int => Value::Int(from.signed()?),
            FieldType::Duration => Value::Duration(from.signed()?),
            FieldType::Time => Value::Time(from.signed()?),
            FieldType::String => Value::String(from.text()?.into()),
            FieldType::Bool => Value::Bool(bool::restore(from)?),
            FieldType::Null => Value::Null,
        })
    }

    fn owned(&self) -> usize {
        match self {
            Value::String(text) => text.len() + 2 * size_of::<usize>(),
            _ => 0,
        }
    }
}

crate::save_fields!(BatchHead { name, group, tmax });

impl<T: Save> Save for Option<T> {
    fn save(&self, out: &mut Saver<'_>) {
        self.is_some().save(out);
        if let Some(value) = self {
            value.save(out);
        }
    }

    fn restore(from: &mut Saved<'_>) -> Result<Option<T>, Damaged> {
        bool::restore(from)?.then(|| T::restore(from)).transpose()
    }

    fn owned(&self) -> usize {
        self.as_ref().map_or(0, T::owned)
    }
}

impl<A: Save, B: Save> Save for (A, B) {
    fn save(&self, out: &mut Saver<'_>) {
        self.0.save(out);
        self.1.save(out);
    }

    fn restore(from: &mut Saved<'_>) -> Result<(A, B), Damaged> {
        Ok((A::restore(from)?, B::restore(from)?))
    }

    fn owned(&self) -> usize {
        self.0.owned() + self.1.owned()
    }
}

impl<A: Save, B: Save, C: Save> Save for (A, B, C) {
    fn save(&self, out: &mut Saver<'_>) {
        self.0.save(out);
        self.1.save(out);
        self.2.save(out);
    }

    fn restore(from: &mut Saved<'_>) -> Result<(A, B, C), Damaged> {
        Ok((A::restore(from)?, B::restore(from)?, C::restore(from)?))
    }

    fn owned(&self) -> usize {
        self.0.owned() + self.1.owned() + self.2.owned()
    }
}

fn save_list<'s, T: Save + 's>(items: impl ExactSizeIterator<Item = &'s T>, out: &mut Saver<'_>) {
    out.number(items.len() as u64);
    items.for_each(|item| item.save(out));
}

/// Items that take no byte are not saved in lists, so a list's length is bounded by what is left.
fn restore_list<T: Save, L: FromIterator<T>>(from: &mut Saved<'_>) -> Result<L, Damaged> {
    let count = from.count()?;
    (0..count).map(|_| T::restore(from)).collect()
}

impl<T: Save> Save for Vec<T> {
    fn save(&self, out: &mut Saver<'_>) {
        save_list(self.iter(), out);
    }

    fn restore(from: &mut Saved<'_>) -> Result<Vec<T>, Damaged> {
        restore_list(from)
    }

    fn owned(&self) -> usize {
        self.capacity() * size_of::<T>() + self.iter().map(T::owned).sum::<usize>()
    }
}

impl<T: Save> Save for VecDeque<T> {
    fn save(&self, out: &mut Saver<'_>) {
        save_list(self.iter(), out);
    }

    fn restore(from: &mut Saved<'_>) -> Result<VecDeque<T>, Damaged> {
        restore_list(from)
    }

    fn owned(&self) -> usize {
        self.capacity() * size_of::<T>() + self.iter().map(T::owned).sum::<usize>()
    }
}

impl<T: Save> Save for Box<T> {
    fn save(&self, out: &mut Saver<'_>) {
        (**self).save(out);
    }

    fn restore(from: &mut Saved<'_>) -> Result<Box<T>, Damaged> {
        T::restore(from).map(Box::new)
    }

    fn owned(&self) -> usize {
        size_of::<T>() + (**self).owned()
    }
}
