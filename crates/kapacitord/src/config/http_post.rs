//! Named addresses for alerts and `|httpPost`.

use std::collections::BTreeMap;
use std::path::Path;

use declare::{Declaration, Section, Shape};
use gotemplate::Template;

use super::checks;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HttpPost {
    pub(crate) endpoint: String,
    /// A template.
    pub(crate) url: String,
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// Empty for no authentication.
    pub(crate) basic_auth_username: String,
    pub(crate) basic_auth_password: String,
    pub(crate) alert_template: String,
    pub(crate) alert_template_file: String,
    pub(crate) row_template: String,
    pub(crate) row_template_file: String,
}

impl Default for HttpPost {
    fn default() -> Self {
        HttpPost {
            endpoint: "example".into(),
            url: "http://example.com".into(),
            headers: None,
            basic_auth_username: String::new(),
            basic_auth_password: String::new(),
            alert_template: String::new(),
            alert_template_file: String::new(),
            row_template: String::new(),
            row_template_file: String::new(),
        }
    }
}

impl Section for HttpPost {
    const NAME: &'static str = "httppost";
    const SHAPE: Shape = Shape::Array { default_elements: 1 };

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("An address with a name, for .post().endpoint('name') and |httpPost().endpoint('name').")
            .property("endpoint", "Its name.", |d| &mut d.endpoint)
            .at_run_time()
            .property("url", "Where to post, a template.", |d| &mut d.url)
            .at_run_time()
            .property("headers", "Headers of each request, by name.", |d| &mut d.headers)
            .at_run_time()
            .property("basic-auth.username", "The user to be; empty for none.", |d| &mut d.basic_auth_username)
            .property("basic-auth.password", "The user's password.", |d| &mut d.basic_auth_password)
            .secret()
            .property("alert-template", "The body of an alert's request, a template; empty for its JSON.", |d| {
                &mut d.alert_template
            })
            .at_run_time()
            .property("alert-template-file", "The absolute path of that template.", |d| &mut d.alert_template_file)
            .at_run_time()
            .property("row-template", "The body of |httpPost's request, a template; empty for the rows' JSON.", |d| {
                &mut d.row_template
            })
            .at_run_time()
            .property("row-template-file", "The absolute path of that template.", |d| &mut d.row_template_file)
            .at_run_time()
    }

    fn check(&self) -> Result<(), String> {
        if self.endpoint.is_empty() {
            return Err("must specify endpoint, the name of the address".to_string());
        }
        if self.url.is_empty() {
            return Err(format!("endpoint {:?}: must specify url", self.endpoint));
        }
        if !self.url.contains("{{") {
            checks::url("url", &self.url)?;
        }
        for (key, text) in
            [("url", &self.url), ("alert-template", &self.alert_template), ("row-template", &self.row_template)]
        {
            if let Err(error) = Template::text_with_json(key, text) {
                return Err(format!("endpoint {:?}: {error}", self.endpoint));
            }
        }
        for (key, text, file) in [
            ("alert-template", &self.alert_template, &self.alert_template_file),
            ("row-template", &self.row_template, &self.row_template_file),
        ] {
            if !text.is_empty() && !file.is_empty() {
                return Err(format!("endpoint {:?}: must specify only one of {key} and {key}-file", self.endpoint));
            }
            if !file.is_empty() && !Path::new(file).is_absolute() {
                return Err(format!("endpoint {:?}: {key}-file {file:?} must be an absolute path", self.endpoint));
            }
        }
        Ok(())
    }
}
