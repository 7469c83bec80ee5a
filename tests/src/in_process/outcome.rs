//! What came out of a case, brought to the form of what was recorded, and compared with it.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::{Answer, Played, Player, parsed};
use crate::{
    case::Queries,
    compare::{differences, in_both, ordered},
    step::Step,
};

impl Player<'_> {
    pub(super) fn compare(self, answers: Vec<(usize, Answer)>) -> Result<Played, String> {
        let mut want = self.case.expected.clone();
        let steps = want["steps"].take();
        let (want_steps, got_steps) = self.steps(steps, answers);
        want["steps"] = want_steps;
        let mut got = self.collected()?;
        got["steps"] = got_steps;
        for key in ["sink", "influx_writes"] {
            if let Some(items) = want.get_mut(key).and_then(Json::as_array_mut) {
                ordered(self.case.spec.order, items);
            }
        }
        for file in want.get_mut("files").and_then(Json::as_object_mut).into_iter().flat_map(Map::values_mut) {
            if let Json::Array(lines) = file {
                ordered(self.case.spec.order, lines);
            }
        }
        let mut differences = differences(&want, &got);
        differences.retain(|difference| !self.blanks.ignores(difference));
        let errors = std::mem::take(&mut self.tasks.world.seen().errors);
        Ok(Played { differences, errors, data: self.tasks.seen() })
    }

    /// The answers wanted and got, of the steps that are played here.
    fn steps(&self, want: Json, answers: Vec<(usize, Answer)>) -> (Json, Json) {
        let left_out: BTreeSet<usize> = (0..self.case.steps.len()).filter(|&i| self.is_left_out(i, &answers)).collect();
        let number = |step: &Json| {
            let name = step["step"].as_str().unwrap_or_default();
            name.split(' ').next().and_then(|number| number.parse::<usize>().ok())
        };
        let mut wanted: Vec<Json> = match want {
            Json::Array(steps) => steps,
            _ => Vec::new(),
        };
        wanted.retain(|step| number(step).is_none_or(|number| !left_out.contains(&number)));
        let mut got: Vec<Json> = vec![Json::Null; wanted.len()];
        for (at, answer) in answers {
            let place = wanted.iter().position(|step| number(step) == Some(at));
            let (Answer::Whole(json) | Answer::Part(json)) = &answer;
            let mut json = self.blanks.blank(json.clone());
            let Some(place) = place else {
                json["step"] = at.into();
                wanted.push(Json::Null);
                got.push(json);
                continue;
            };
            let name = wanted[place]["step"].clone();
            if let Answer::Part(_) = answer {
                (wanted[place], json) = in_both(&wanted[place], &json);
            }
            json["step"] = name.clone();
            wanted[place]["step"] = name;
            got[place] = json;
        }
        (wanted.into(), got.into())
    }

    /// A step whose recorded answer has nothing to be compared with.
    fn is_left_out(&self, at: usize, answers: &[(usize, Answer)]) -> bool {
        match &self.case.steps[at] {
            Step::LeftOut => true,
            Step::Http(_) => !answers.iter().any(|(number, _)| *number == at),
            _ => false,
        }
    }

    /// All that left the tasks.
    fn collected(&self) -> Result<Json, String> {
        let mut out = Map::new();
        let files = self.files(&self.folder.path().join("out")).map_err(|why| why.to_string())?;
        if !files.is_empty() {
            out.insert("files".to_string(), files.into());
        }
        let seen = self.tasks.world.seen();
        let mut put = |key: &str, items: &[Json]| {
            if !items.is_empty() {
                out.insert(key.to_string(), self.recorded(items.to_vec()));
            }
        };
        put("sink", &seen.sink);
        put("influx_writes", &seen.writes);
        match &self.case.spec.queries {
            Queries::All(true) => {
                let queries = seen.queries.iter().map(|query| self.blanks.blank(query.clone())).collect::<Vec<_>>();
                out.insert("influx_queries".to_string(), queries.into());
            }
            Queries::Shape(_) => {
                out.insert("influx_queries".to_string(), self.shapes(&seen.queries)?);
            }
            Queries::All(false) => {}
        }
        Ok(out.into())
    }

    /// Queries without their times, each once.
    fn shapes(&self, queries: &[Json]) -> Result<Json, String> {
        let times = Regex::new("'[0-9T:.Z-]{10,}'").map_err(|why| why.to_string())?;
        let mut shapes: Vec<Json> = Vec::new();
        for query in queries {
            let mut query = self.blanks.blank(query.clone());
            let text = times.replace_all(query["q"].as_str().unwrap_or_default(), "'<time>'").into_owned();
            query["q"] = text.into();
            if !shapes.contains(&query) {
                shapes.push(query);
            }
        }
        shapes.sort_by_key(|query| query["q"].to_string());
        Ok(shapes.into())
    }

    fn recorded(&self, items: Vec<Json>) -> Json {
        let mut items: Vec<Json> = items.into_iter().map(|item| self.blanks.blank(item)).collect();
        ordered(self.case.spec.order, &mut items);
        items.into()
    }

    /// The lines of all files by name, JSON where they are.
    fn files(&self, folder: &Path) -> std::io::Result<Map<String, Json>> {
        let mut files = Map::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                files.extend(self.files(&path)?);
                continue;
            }
            let bytes = fs::read(&path)?;
            let lines = String::from_utf8_lossy(&bytes).lines().map(parsed).collect();
            let name = path.strip_prefix(self.folder.path().join("out")).unwrap_or(&path).display().to_string();
            files.insert(name, self.recorded(lines));
        }
        Ok(files)
    }
}
