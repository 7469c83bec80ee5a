//! Into how many shards tasks are divided, by what the config says of their ids.

use store::pattern::Pattern;

use crate::config::TaskShards;

/// See the module. The default divides none.
#[derive(Default)]
pub(crate) struct Shards(Vec<(Pattern, u8)>);

impl Shards {
    /// `cores` stands for 0.
    pub(crate) fn new(wanted: &[TaskShards], cores: usize) -> Shards {
        let count = |shards: i64| if shards == 0 { cores } else { usize::try_from(shards).unwrap_or(1) };
        let of = |one: &TaskShards| {
            Some((Pattern::new(&one.task).ok()?, u8::try_from(count(one.shards)).unwrap_or(u8::MAX)))
        };
        Shards(wanted.iter().filter_map(of).collect())
    }

    /// 1 for a task that is not to be divided.
    pub(super) fn of(&self, id: &str) -> u8 {
        self.0.iter().find(|(pattern, _)| pattern.matches(id)).map_or(1, |(_, count)| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_fits_counts() {
        let wanted = |task: &str, shards| TaskShards { task: task.to_string(), shards };
        let shards = Shards::new(&[wanted("cpu_*", 3), wanted("all", 0), wanted("cpu_1", 5)], 8);
        assert_eq!([shards.of("cpu_1"), shards.of("all"), shards.of("other")], [3, 8, 1]);
        assert_eq!(Shards::default().of("cpu_1"), 1);
    }
}
