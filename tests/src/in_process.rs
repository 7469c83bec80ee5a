//! Plays a case in this process: no ports, no threads, no waiting; the clock is stepped.

mod outcome;

use std::{fs, sync::Arc};

use engine::{Host, Origin};
use model::Schema;
use regex::Regex;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::{
    answer::View,
    blank::Blanks,
    case::Case,
    compare::text_of,
    config::Config,
    cut::Cuts,
    influx::Influx,
    request::{Act, Request},
    step::{Define, Settle, Step, Wait, Write, text_or_file},
    tasks::{Refused, Tasks, Watcher},
    vars,
    world::{World, decoded},
};

const MILLISECOND: i64 = 1_000_000;

/// What came of playing a case.
#[derive(Debug, Default)]
pub struct Played {
    /// Where it differs from what was recorded, a line each.
    pub differences: Vec<String>,
    /// What the tasks logged at level error.
    pub errors: Vec<String>,
    /// How many points there were, and times at which tasks were woken.
    pub data: usize,
}

/// Play a case. `watch` is told each step of each datum.
///
/// # Errors
/// The case cannot be played here, or its files are not as they should be.
pub fn play(case: &Case, watch: Option<Watcher>) -> Result<Played, String> {
    play_cut(case, watch, Cuts::NONE)
}

/// Play a case whose tasks are cut in two now and then.
///
/// # Errors
/// As for [`play`].
pub fn play_cut(case: &Case, watch: Option<Watcher>, cuts: Cuts) -> Result<Played, String> {
    if let Some(why) = case.why_not() {
        return Err(why);
    }
    let mut player = Player::new(case, watch, cuts)?;
    let mut answers = Vec::new();
    for (number, step) in case.steps.iter().enumerate() {
        if let Some(answer) = player.step(step)? {
            answers.push((number, answer));
        }
    }
    player.compare(answers)
}

/// What a step answered.
enum Answer {
    Whole(Json),
    /// Only what both it and the recorded one have is compared.
    Part(Json),
}

struct Player<'a> {
    case: &'a Case,
    folder: TempDir,
    blanks: Blanks,
    tasks: Tasks,
}

impl<'a> Player<'a> {
    fn new(case: &'a Case, watch: Option<Watcher>, cuts: Cuts) -> Result<Player<'a>, String> {
        let folder = tempfile::tempdir().map_err(|why| format!("no folder for its files: {why}"))?;
        fs::create_dir(folder.path().join("out")).map_err(|why| format!("no folder for its files: {why}"))?;
        let blanks = Blanks::new(case, folder.path())?;
        let influx = case.has_influxdb().then(|| Influx::load(&case.folder)).transpose()?;
        let schema = Schema::new();
        let config = Config::parse(&blanks.fill(&case.spec.config))?;
        let world = World::new(Arc::clone(&schema), &case.folder, influx, config);
        Ok(Player { case, folder, blanks, tasks: Tasks::new(schema, world, watch, cuts) })
    }

    fn step(&mut self, step: &Step) -> Result<Option<Answer>, String> {
        match step {
            Step::Define(define) => self.define(define),
            Step::Write(write) => self.write(write),
            Step::Http(request) => self.request(request),
            Step::Settle(settle) => {
                self.settle(settle);
                Ok(None)
            }
            Step::Wait(wait) => {
                self.wait(wait);
                Ok(None)
            }
            Step::Sleep(sleep) => {
                let now = self.tasks.world.now();
                self.tasks.advance_to(now + nanos(sleep.seconds));
                Ok(None)
            }
            Step::Forget => {
                let mut seen = self.tasks.world.seen();
                (seen.sink, seen.writes, seen.queries) = Default::default();
                Ok(None)
            }
            Step::LeftOut => Ok(None),
            Step::Impossible(why) => Err(why.clone()),
        }
    }

    fn define(&mut self, define: &Define) -> Result<Option<Answer>, String> {
        let given = define.dbrps.clone().unwrap_or_else(|| vec!["telegraf.autogen".to_string()]);
        let dbrps: Vec<(String, String)> = given
            .iter()
            .map(|dbrp| dbrp.split_once('.').unwrap_or((dbrp, "")))
            .map(|(db, rp)| (db.to_string(), rp.to_string()))
            .collect();
        let vars = match &define.vars {
            None => Json::Null,
            Some(file) => {
                let text = fs::read_to_string(self.case.folder.join(file)).map_err(|why| format!("{file}: {why}"))?;
                serde_json::from_str(&self.blanks.fill(&text)).map_err(|why| format!("{file}: {why}"))?
            }
        };
        let script = define.text(&self.case.folder)?;
        let (status, body) = self.create(&define.id, &script, &vars, &dbrps, define.enable);
        let answer = json!({"status": status, "body": body});
        Ok(match status {
            200 => define.save.then_some(Answer::Part(answer)),
            _ => Some(Answer::Whole(answer)),
        })
    }

    /// Status and body of the answer to a definition.
    fn create(&mut self, id: &str, script: &str, vars: &Json, dbrps: &[(String, String)], on: bool) -> (u16, Json) {
        let script = self.blanks.fill(script);
        let vars = vars::from_json(vars).map_err(|why| (400, why));
        let defined = vars.and_then(|vars| self.tasks.define(id, &script, vars, dbrps, on));
        if let Err(refused) = defined {
            return refusal(refused);
        }
        let mut body = self.tasks.stored.get(id).map_or(Json::Null, |stored| View::default().task(id, stored));
        if let (Json::Object(body), true) = (&mut body, on) {
            // It is just starting: what it counts by then is chance.
            body.retain(|key, _| !["dot", "stats", "executing"].contains(&key.as_str()));
        }
        (200, body)
    }

    fn write(&mut self, write: &Write) -> Result<Option<Answer>, String> {
        let text = self.blanks.fill(&write.text(&self.case.folder)?);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for lines in lines.chunks(write.chunk.unwrap_or(lines.len()).max(1)) {
            let origin = Origin { database: decoded(&write.db), retention_policy: decoded(&write.rp) };
            if let Err(error) = self.tasks.write(origin, &lines.concat(), &write.precision) {
                return Ok(Some(Answer::Whole(json!({"status": 400, "body": format!("{error}\n")}))));
            }
            if write.save {
                return Ok(Some(Answer::Whole(json!({"status": 204, "body": ""}))));
            }
        }
        Ok(None)
    }

    fn request(&mut self, request: &Request) -> Result<Option<Answer>, String> {
        let asked = &request.asked;
        let until = asked.until.as_deref().map(Regex::new).transpose().map_err(|why| why.to_string())?;
        let limit = self.tasks.world.now() + nanos(asked.wait);
        let mut answer = self.act(request)?;
        if let Some(until) = until {
            while !answer.as_ref().is_some_and(|(_, body, _)| until.is_match(&body.to_string())) {
                if !self.wake_next(limit) {
                    break;
                }
                answer = self.act(request)?;
            }
        }
        let Some((status, mut body, whole)) = answer.filter(|_| asked.save) else { return Ok(None) };
        for task in body.get_mut("tasks").and_then(Json::as_array_mut).into_iter().flatten() {
            if let Json::Object(task) = task {
                task.retain(|key, _| !asked.racy.contains(key));
            }
        }
        if let Json::Object(body) = &mut body {
            body.retain(|key, _| !asked.racy.contains(key));
        }
        for list in &asked.unordered {
            if let Some(Json::Array(items)) = body.get_mut(list) {
                items.sort_by_cached_key(text_of);
            }
        }
        let kind = "application/json; charset=utf-8";
        let answer = json!({"status": status, "type": kind, "body": body});
        Ok(Some(if whole && asked.show.is_empty() { Answer::Whole(answer) } else { Answer::Part(answer) }))
    }

    /// Status and body of a request's answer, and whether they are all that the daemon shows.
    fn act(&mut self, request: &Request) -> Result<Option<(u16, Json, bool)>, String> {
        let (status, body) = match &request.act {
            Act::Get => return Ok(self.answer(&self.blanks.fill(&request.asked.path))),
            Act::Create(task) => {
                let file = text_or_file(None, request.asked.script.as_ref(), &self.case.folder)?;
                let script = if file.is_empty() { &task.script } else { &file };
                let vars: Json = serde_json::from_str(&self.blanks.fill(&task.vars.to_string())).unwrap_or_default();
                let dbrps: Vec<_> = task.dbrps.iter().map(|dbrp| (dbrp.db.clone(), dbrp.rp.clone())).collect();
                self.create(&task.id, script, &vars, &dbrps, task.status == "enabled")
            }
            Act::Switch { id, enable } => match self.tasks.switch(id, *enable) {
                Ok(()) => (200, self.tasks.stored.get(id).map_or(Json::Null, |task| View::default().task(id, task))),
                Err(refused) => refusal(refused),
            },
            Act::Delete { id } => {
                // One that is not there is gone already.
                let _ = self.tasks.switch(id, false);
                self.tasks.stored.remove(id);
                (204, Json::from(""))
            }
            Act::Write { database, retention_policy, precision, lines } => {
                let origin = Origin { database: decoded(database), retention_policy: decoded(retention_policy) };
                match self.tasks.write(origin, &self.blanks.fill(lines), precision) {
                    Ok(()) => (204, Json::from("")),
                    Err(error) => (400, Json::from(format!("{error}\n"))),
                }
            }
        };
        Ok(Some((status, body, status != 200)))
    }

    /// Status and body of what is at a path, and whether they are all that the daemon shows.
    fn answer(&mut self, path: &str) -> Option<(u16, Json, bool)> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let rest = path.strip_prefix("/kapacitor/v1/tasks")?.trim_start_matches('/');
        if let Some((id, endpoint)) = rest.split_once('/').filter(|(_, endpoint)| !endpoint.is_empty()) {
            return Some(match self.tasks.shown(id, &decoded(endpoint)) {
                Some(text) => (200, parsed(&text), true),
                None => (404, json!({"error": "Not Found", "message": "Not Found"}), true),
            });
        }
        let view = View::of(query)?;
        if rest.is_empty() {
            let chosen = self.tasks.stored.iter().filter(|(id, _)| view.pattern.is_empty() || view.pattern == *id);
            let tasks: Vec<Json> = chosen.map(|(id, stored)| view.task(id, stored)).collect();
            return Some((200, json!({"tasks": tasks}), false));
        }
        Some(match self.tasks.stored.get(rest) {
            Some(stored) => (200, view.task(rest, stored), false),
            None => (404, json!({"error": "no task exists"}), true),
        })
    }

    /// Go to the next time that a task waits for. False if that is after `limit`.
    fn wake_next(&mut self, limit: i64) -> bool {
        let wake = self.tasks.next_wake().filter(|&wake| wake <= limit);
        self.tasks.advance_to(wake.unwrap_or(limit));
        wake.is_some()
    }

    fn wait(&mut self, wait: &Wait) {
        let limit = self.tasks.world.now() + nanos(wait.limit);
        while !self.has(wait) && self.wake_next(limit) {}
    }

    fn has(&self, wait: &Wait) -> bool {
        if let Some(file) = &wait.file {
            let text = fs::read_to_string(self.folder.path().join("out").join(file));
            return text.is_ok_and(|text| text.lines().count() >= wait.lines);
        }
        let seen = self.tasks.world.seen();
        let counts =
            [(seen.sink.len(), wait.sink), (seen.writes.len(), wait.influx), (seen.queries.len(), wait.queries)];
        counts.iter().all(|(have, want)| want.is_none_or(|want| *have >= want))
    }

    /// Let time go by until nothing moves.
    fn settle(&mut self, settle: &Settle) {
        let limit = self.tasks.world.now() + nanos(settle.limit);
        let (mut before, mut still) = (self.activity(), 0);
        while still <= settle.still && self.tasks.world.now() < limit {
            self.tasks.advance_to(self.tasks.world.now() + 80 * MILLISECOND);
            let now = self.activity();
            still = if now == before { still + 1 } else { 0 };
            before = now;
        }
    }

    /// Counts that change whenever anything happens.
    fn activity(&self) -> Vec<usize> {
        let running = self.tasks.stored.values().filter_map(|stored| stored.running.as_ref());
        let nodes = running.flat_map(|running| running.task.stats());
        let counted = nodes.flat_map(|node| {
            [node.collected.load(std::sync::atomic::Ordering::Relaxed) as usize, node.emitted() as usize]
        });
        let seen = self.tasks.world.seen();
        counted.chain([seen.sink.len(), seen.writes.len()]).collect()
    }
}

fn refusal((status, why): Refused) -> (u16, Json) {
    (status, json!({"error": why}))
}

fn parsed(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::from(text))
}

fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9) as i64
}
