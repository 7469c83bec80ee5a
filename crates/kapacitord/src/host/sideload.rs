//! Sources of sideload nodes: folders of YAML and JSON files, and JSON behind URLs, read at the start and when asked.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use engine::{HttpEndpoint, SideSource, SideTables};
use handlers::Networks;
use serde_json::Value;

use super::posts::text_of;

/// An answer may take this long.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A larger file or answer is refused.
const MOST_BYTES: u64 = 64 << 20;

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Folder(PathBuf),
    Url { url: String, basic_auth: Option<(String, String)> },
}

/// All sources that tasks look into.
pub(super) struct Sideloads {
    runtime: tokio::runtime::Handle,
    client: reqwest::Client,
    networks: Networks,
    sources: Mutex<BTreeMap<Place, Weak<SideSource>>>,
}

impl Sideloads {
    pub(super) fn new(runtime: tokio::runtime::Handle, networks: &Networks) -> Sideloads {
        let connections = handlers::connections(false, networks).unwrap_or_default();
        let client = connections.timeout(TIMEOUT).build().unwrap_or_default();
        Sideloads { runtime, client, networks: networks.clone(), sources: Mutex::default() }
    }

    /// The source at a URL; read now if nobody looks into it yet. Blocks.
    pub(super) fn open(&self, endpoint: &HttpEndpoint) -> Result<Arc<SideSource>, String> {
        let place = place(endpoint)?;
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.get(&place).and_then(Weak::upgrade) {
            return Ok(source);
        }
        let tables = match &place {
            Place::Folder(_) => self.read(&place)?,
            Place::Url { url, .. } => {
                self.read(&place).map_err(|why| format!("Error fetching sideload data from {url} :: {why}"))?
            }
        };
        let source = Arc::new(SideSource::new(tables));
        sources.retain(|_, source| source.strong_count() > 0);
        sources.insert(place, Arc::downgrade(&source));
        Ok(source)
    }

    /// Read all sources again. A file that cannot be read counts as absent, a URL keeps what it had. Blocks.
    pub(super) fn reload(&self) -> Result<(), String> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut failed = Vec::new();
        for (place, source) in sources {
            let Some(source) = source.upgrade() else { continue };
            let (name, outcome) = match &place {
                Place::Folder(folder) => {
                    let (tables, outcome) = read_folder(folder);
                    source.replace(tables);
                    (folder.display().to_string(), outcome)
                }
                Place::Url { url, .. } => (url.clone(), self.read(&place).map(|tables| source.replace(tables))),
            };
            if let Err(why) = outcome {
                failed.push(format!("failed to update source {name:?}: {why}"));
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }

    fn read(&self, place: &Place) -> Result<SideTables, String> {
        match place {
            Place::Folder(folder) => match read_folder(folder) {
                (tables, Ok(())) => Ok(tables),
                (_, Err(why)) => Err(why),
            },
            Place::Url { url, basic_auth } => {
                if let Ok(url) = url.parse() {
                    self.networks.check_url(&url)?;
                }
                self.runtime.block_on(fetch(&self.client, url, basic_auth.as_ref()))
            }
        }
    }
}

fn place(endpoint: &HttpEndpoint) -> Result<Place, String> {
    let nothing = gotemplate::Value::string_map(std::iter::empty::<(&str, &str)>());
    let url = gotemplate::Template::text_with_json("body", &endpoint.url)
        .and_then(|template| template.execute(&nothing))
        .map_err(|error| error.to_string())?;
    let (scheme, rest) = url.split_once(':').unwrap_or(("", &url));
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {
            let complete = |(user, password): &&(String, String)| !user.is_empty() && !password.is_empty();
            let basic_auth = endpoint.basic_auth.as_ref().filter(complete).cloned();
            Ok(Place::Url { url, basic_auth })
        }
        "file" => {
            let path = match rest.strip_prefix("//") {
                Some(rest) => rest.find('/').map_or("", |from| &rest[from..]),
                None => rest,
            };
            let path = path.split(['?', '#']).next().unwrap_or_default();
            let path = crate::http::percent_decoded(path);
            if !path.starts_with('/') {
                return Err(format!("sideload source path must be absolute {path:?}: write file:///path/to/folder"));
            }
            Ok(Place::Folder(Path::new(&path).components().filter(|part| *part != Component::CurDir).collect()))
        }
        scheme => Err(format!("unsupported source scheme {scheme:?}, must be 'file', 'http', or 'https'")),
    }
}

/// All files of a folder that can be read, and what is wrong with the first that cannot.
fn read_folder(folder: &Path) -> (SideTables, Result<(), String>) {
    let mut tables = SideTables::new();
    let mut failed = Vec::new();
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => read_below(folder, folder, &mut tables, &mut failed),
        Ok(_) => failed.push("it must be a folder, not a file".to_string()),
        Err(error) => failed.push(format!("cannot read {}: {error}", folder.display())),
    }
    let source = folder.display().to_string();
    let first = failed.into_iter().next();
    let why = first.map(|why| format!("failed to update sideload cache for source file {source:?}: {why}"));
    (tables, why.map_or(Ok(()), Err))
}

/// Files and folders in the order of their names. What begins with a dot is left out: mounted folders keep their old
/// versions there.
fn read_below(top: &Path, folder: &Path, tables: &mut SideTables, failed: &mut Vec<String>) {
    let listed = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>());
    let mut entries = match listed {
        Ok(entries) => entries,
        Err(error) => return failed.push(format!("cannot read {}: {error}", folder.display())),
    };
    entries.sort();
    for path in entries {
        if path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        // A link to a folder could lead back: only real folders are entered.
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            read_below(top, &path, tables, failed);
        } else if fs::metadata(&path).is_ok_and(|found| found.is_file()) {
            let name = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().into_owned();
            match read_file(&path) {
                Ok(values) => {
                    tables.insert(name, values);
                }
                Err(why) => failed.push(why),
            }
        }
    }
}

/// The values of a file; none if its name ends in neither `.json` nor `.yaml` or `.yml`.
fn read_file(path: &Path) -> Result<HashMap<String, Value>, String> {
    let shown = path.display().to_string();
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => "json",
        Some("yaml" | "yml") => "yaml",
        _ => return Ok(HashMap::new()),
    };
    let failed = |why: String| format!("failed to unmarshal {kind} values {shown:?}: {why}");
    let size = fs::metadata(path).map_err(|error| format!("failed to open values file {shown:?}: {error}"))?.len();
    if size > MOST_BYTES {
        return Err(failed(format!("it has {size} bytes, more than {MOST_BYTES}")));
    }
    let text = fs::read_to_string(path).map_err(|error| format!("failed to read values file {shown:?}: {error}"))?;
    let value = match kind {
        "json" => serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?,
        _ => api::yaml::parse(&text).map_err(|error| failed(format!("error converting YAML to JSON: {error}")))?,
    };
    object(value).map_err(failed)
}

fn object(value: Value) -> Result<HashMap<String, Value>, String> {
    match value {
        Value::Object(values) => Ok(values.into_iter().collect()),
        Value::Null => Ok(HashMap::new()),
        _ => Err("it must be a table of keys and values".to_string()),
    }
}

async fn fetch(
    client: &reqwest::Client,
    url: &str,
    basic_auth: Option<&(String, String)>,
) -> Result<SideTables, String> {
    let failed = |why: String| format!("failed to load body to update sideload cache for source {url:?}: {why}");
    let mut request = client.get(url);
    if let Some((user, password)) = basic_auth {
        request = request.basic_auth(user, Some(password));
    }
    let mut answer = request.send().await.map_err(|error| text_of(&error))?;
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| failed(text_of(&error)))? {
        body.extend_from_slice(&part);
        if body.len() as u64 > MOST_BYTES {
            return Err(failed(format!("it is larger than {MOST_BYTES} bytes")));
        }
    }
    let read = |error: serde_json::Error| failed(format!("failed to unmarshal json values in response body: {error}"));
    let Value::Object(parts) = serde_json::from_slice(&body).map_err(read)? else {
        return Err(failed("it must be a table of tables".to_string()));
    };
    parts
        .into_iter()
        .map(|(name, values)| {
            let values = object(values).map_err(|why| failed(format!("{name:?}: {why}")))?;
            Ok((name, values))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn open(sideloads: &Sideloads, url: &str) -> Result<Arc<SideSource>, String> {
        sideloads.open(&HttpEndpoint { url: url.to_string(), ..HttpEndpoint::default() })
    }

    #[test]
    fn folders_are_read_and_read_again() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sideloads = Sideloads::new(runtime.handle().clone(), &Networks::default());
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a.json", "{\"x\": 1}");
        write("sub/b.yml", "x: [1, 2]\non: yes\n");
        write(".hidden/c.json", "broken");
        write("notes.txt", "no values");
        let url = format!("file://{}", folder.path().display());
        let source = open(&sideloads, &url).unwrap();
        assert!(Arc::ptr_eq(&source, &open(&sideloads, &format!("{url}/.")).unwrap()));
        let tables = source.tables();
        assert_eq!(tables["a.json"]["x"], json!(1));
        assert_eq!(tables["sub/b.yml"]["x"], json!([1, 2]));
        assert_eq!((tables.len(), tables["notes.txt"].len()), (3, 0));
        write("a.json", "{\"x\": 2}");
        sideloads.reload().unwrap();
        assert_eq!((source.version(), &source.tables()["a.json"]["x"]), (1, &json!(2)));
        write("z.json", "{");
        let why = sideloads.reload().unwrap_err();
        assert!(why.contains("failed to unmarshal json values") && why.contains("z.json"), "{why}");
        assert_eq!(source.tables()["a.json"]["x"], json!(2));
        drop(source);
        sideloads.reload().unwrap();
    }

    #[test]
    fn places_that_cannot_be() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sideloads = Sideloads::new(runtime.handle().clone(), &Networks::default());
        for (url, why) in [
            ("ftp://host/x", "unsupported source scheme \"ftp\""),
            ("file:x", "must be absolute"),
            ("file:///no/such/folder", "failed to update sideload cache for source file \"/no/such/folder\""),
            ("file:///{{", "template"),
        ] {
            let error = open(&sideloads, url).unwrap_err();
            assert!(error.contains(why), "{url}: {error}");
        }
    }
}
