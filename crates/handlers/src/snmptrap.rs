//! `snmptrap`: a trap of SNMP version 2c.

use std::sync::Arc;

use alert::{BoxFuture, Event, Handler, Kind, OpenError, Outcome};
use declare::{Argument, Declaration, Declared, Setting};
use gotemplate::Template;
use serde_json::{Value as Json, json};
use tokio::net::UdpSocket;

use crate::render::{check_template, render, template};
use crate::{AlertHost, Configs};

const NAME: &str = "snmptrap";
/// As others say it: the time since the start, in hundredths of a second, is not known.
const UPTIME: u64 = 1000;

/// The kind `snmptrap`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let invalid = |why| OpenError::Invalid { kind: NAME, why };
        options.check().map_err(invalid)?;
        let trap = oid(&options.trap_oid).map_err(invalid)?;
        let datum = |datum: &Datum| {
            let value = template(NAME, "value", &datum.value)?;
            Ok((oid(&datum.oid).map_err(invalid)?, datum.kind.clone(), value))
        };
        let data = options.data.iter().map(datum).collect::<Result<_, OpenError>>()?;
        Ok(Box::new(SnmpTrap { host: host.clone(), trap, data, requests: 0 }))
    })
    .method("snmpTrap")
    .ready(|options| options.data.iter().try_for_each(|datum| check_template("value", &datum.value)))
    .check(Options::check)
    .build()
}

#[derive(Clone, Default)]
struct Options {
    trap_oid: String,
    data: Vec<Datum>,
}

#[derive(Clone, Default)]
struct Datum {
    oid: String,
    /// c, i, n, s or t.
    kind: String,
    value: String,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event as an SNMP trap of version 2c.")
            .argument("trapOid", "The OID of the trap.", |d| &mut d.trap_oid)
            .key("trap-oid")
            .method("trapOid", "value string", "The OID of the trap.", |d, arguments| {
                d.trap_oid = Setting::from_argument(&arguments[0])?;
                Ok(())
            })
            .hidden()
            .method_json(
                "data",
                "oid string, typ string, value string",
                "A value of the trap, a template. Types: c counter, i integer, n null, s string, t time ticks.",
                |d, arguments| {
                    let text = |n: usize| String::from_argument(&arguments[n]);
                    d.data.push(Datum { oid: text(0)?, kind: text(1)?, value: text(2)? });
                    Ok(())
                },
                |d| {
                    d.data
                        .iter()
                        .map(|datum| datum.texts().map(|text| Argument::from(text.as_str())).to_vec())
                        .collect()
                },
                |d| d.data.iter().map(|x| json!({"oid": x.oid, "type": x.kind, "value": x.value})).collect(),
                |d, json| {
                    let data = Vec::<Json>::from_json(json)?;
                    let datum = |json: &Json| {
                        let texts = std::collections::BTreeMap::<String, String>::from_json(json)?;
                        let text = |key: &str| texts.get(key).cloned().unwrap_or_default();
                        Ok(Datum { oid: text("oid"), kind: text("type"), value: text("value") })
                    };
                    d.data = data.iter().map(datum).collect::<Result<_, declare::Mismatch>>()?;
                    Ok(())
                },
            )
            .key("data-list")
            .example(
                "stream|from().measurement('cpu')|alert().crit(lambda: TRUE)\
                 .snmpTrap('1.3.6.1.4.1.1').data('1.3.6.1.4.1.1.5', 's', '{{ .Level }}')",
            )
    }
}

impl Datum {
    fn texts(&self) -> [&String; 3] {
        [&self.oid, &self.kind, &self.value]
    }
}

impl Options {
    fn check(&self) -> Result<(), String> {
        if self.trap_oid.is_empty() {
            return Err("invalid SNMP trap: must specify the OID of the trap".to_string());
        }
        let wrong = self.data.iter().find(|datum| !["c", "i", "n", "s", "t"].contains(&datum.kind.as_str()));
        wrong.map_or(Ok(()), |datum| {
            let (trap, kind, oid) = (&self.trap_oid, &datum.kind, &datum.oid);
            Err(format!("invalid SNMP trap \"{trap}\": unsupported data type \"{kind}\" for data entry \"{oid}\""))
        })
    }
}

struct SnmpTrap {
    host: Arc<AlertHost>,
    trap: Vec<u8>,
    data: Vec<(Vec<u8>, String, Template)>,
    requests: u32,
}

impl Handler for SnmpTrap {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let (address, packet) = match self.packet(&self.host.configs(), event) {
                Ok(packet) => packet,
                Err(why) => return Outcome::GiveUp(why),
            };
            self.requests = self.requests.wrapping_add(1) & 0x7fff_ffff;
            send(&address, &packet)
                .await
                .map_or_else(|why| Outcome::retry(format!("{address}: {why}")), |()| Outcome::Done)
        })
    }
}

async fn send(address: &str, packet: &[u8]) -> std::io::Result<()> {
    let to = tokio::net::lookup_host(address).await?.next();
    let to = to.ok_or_else(|| std::io::Error::other("the name has no address"))?;
    let from = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    UdpSocket::bind(from).await?.send_to(packet, to).await?;
    Ok(())
}

impl SnmpTrap {
    /// Where to, and the trap.
    fn packet(&self, configs: &Configs, event: &Event) -> Result<(String, Vec<u8>), String> {
        let config = configs.enabled(NAME)?;
        let values = event.template_data();
        let mut variables = Vec::new();
        variables.extend(variable(&oid("1.3.6.1.2.1.1.3.0")?, tlv(TIME_TICKS, &unsigned(UPTIME))));
        variables.extend(variable(&oid("1.3.6.1.6.3.1.1.4.1.0")?, tlv(OID, &self.trap)));
        for (oid, kind, value) in &self.data {
            variables.extend(variable(oid, encoded(kind, &render(value, &values)?)?));
        }
        let none = tlv(INTEGER, &[0]);
        let request = tlv(INTEGER, &unsigned(u64::from(self.requests)));
        let trap = tlv(TRAP, &[request, none.clone(), none, tlv(SEQUENCE, &variables)].concat());
        let community = tlv(OCTETS, config.text("community").as_bytes());
        let packet = tlv(SEQUENCE, &[tlv(INTEGER, &[VERSION_2C]), community, trap].concat());
        Ok((config.text("addr").to_string(), packet))
    }
}

const VERSION_2C: u8 = 1;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const TIME_TICKS: u8 = 0x43;
const COUNTER_64: u8 = 0x46;
const TRAP: u8 = 0xa7;

fn encoded(kind: &str, text: &str) -> Result<Vec<u8>, String> {
    let number = |what| move |_| format!("\"{text}\" is no {what}");
    Ok(match kind {
        "c" => tlv(COUNTER_64, &unsigned(text.trim().parse().map_err(number("counter"))?)),
        "i" => tlv(INTEGER, &signed(text.trim().parse().map_err(number("integer"))?)),
        "t" => tlv(TIME_TICKS, &unsigned(u64::from(text.trim().parse::<u32>().map_err(number("number of ticks"))?))),
        "s" => tlv(OCTETS, text.as_bytes()),
        _ => tlv(NULL, &[]),
    })
}

fn variable(oid: &[u8], value: Vec<u8>) -> Vec<u8> {
    tlv(SEQUENCE, &[tlv(OID, oid), value].concat())
}

/// Tag, length, value.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = value.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let bytes = &bytes[bytes.iter().take_while(|&&byte| byte == 0).count()..];
        out.push(0x80 | bytes.len() as u8);
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(value);
    out
}

/// As few bytes as hold it with its sign.
fn signed(value: i64) -> Vec<u8> {
    let mut bytes = value.to_be_bytes().to_vec();
    while let [first, second, ..] = bytes[..] {
        let needless = (first == 0 && second < 0x80) || (first == 0xff && second >= 0x80);
        if !needless {
            break;
        }
        bytes.remove(0);
    }
    bytes
}

fn unsigned(value: u64) -> Vec<u8> {
    match i64::try_from(value) {
        Ok(value) => signed(value),
        Err(_) => [&[0], &value.to_be_bytes()[..]].concat(),
    }
}

/// The bytes of an OID such as `1.3.6.1`.
fn oid(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("\"{text}\" is no OID, which is written like 1.3.6.1.4.1.1");
    let parts: Vec<u32> =
        text.trim_start_matches('.').split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
    let [first, second, ref rest @ ..] = parts[..] else { return Err(wrong()) };
    if first > 2 || (first < 2 && second > 39) {
        return Err(wrong());
    }
    let second = second.checked_add(first * 40).ok_or_else(wrong)?;
    let mut out = Vec::new();
    for part in std::iter::once(second).chain(rest.iter().copied()) {
        let digits = (1..5).take_while(|n| part >> (7 * n) > 0).count();
        out.extend((0..=digits).rev().map(|n| (part >> (7 * n) & 0x7f) as u8 | if n > 0 { 0x80 } else { 0 }));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use alert::Level;

    use super::*;
    use crate::testing::{host, open, send};

    #[test]
    fn numbers_and_oids_are_encoded() {
        assert_eq!(oid("1.3.6.1.4.1.2680").unwrap(), [0x2b, 6, 1, 4, 1, 0x94, 0x78]);
        assert_eq!(oid(".2.100.4294967295").unwrap(), [0x81, 0x34, 0x8f, 0xff, 0xff, 0xff, 0x7f]);
        for wrong in ["", "1", "a.b", "3.1", "1.40", "1.3.-1", "1.3."] {
            assert!(oid(wrong).is_err(), "{wrong}");
        }
        for (value, bytes) in [(0, &[0][..]), (127, &[127]), (128, &[0, 128]), (-1, &[255]), (-129, &[255, 127])] {
            assert_eq!(signed(value), bytes);
        }
        assert_eq!(unsigned(u64::MAX).len(), 9);
        assert_eq!(tlv(OCTETS, &[7; 200])[..3], [4, 0x81, 200]);
        assert_eq!(tlv(OCTETS, &[7; 300])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn traps_are_sent() {
        let sink = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let section =
            json!({"enabled": true, "addr": sink.local_addr().unwrap().to_string(), "community": "kapacitor"});
        let options = json!({"trap-oid": "1.1.1", "data-list": [
            {"oid": "1.1.2", "type": "s", "value": "{{ .Level }}"}, {"oid": "1.1.3", "type": "i", "value": "-5"},
            {"oid": "1.1.4", "type": "n", "value": ""}, {"oid": "1.1.5", "type": "c", "value": "300"}]});
        assert_eq!(send(&host(&[("snmptrap", section)]), "snmptrap", options, Level::Warning), Outcome::Done);
        let mut packet = [0; 1000];
        let length = sink.recv(&mut packet).unwrap();
        let want: Vec<u8> = [
            &[0x30, 103, 2, 1, 1, 4, 9][..],
            b"kapacitor",
            &[0xa7, 87, 2, 1, 0, 2, 1, 0, 2, 1, 0, 0x30, 76],
            &[0x30, 14, 6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 0x43, 2, 3, 232],
            &[0x30, 16, 6, 10, 0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0, 6, 2, 0x29, 1],
            &[0x30, 13, 6, 2, 0x29, 2, 4, 7],
            b"WARNING",
            &[0x30, 7, 6, 2, 0x29, 3, 2, 1, 251, 0x30, 6, 6, 2, 0x29, 4, 5, 0],
            &[0x30, 8, 6, 2, 0x29, 5, 0x46, 2, 1, 44],
        ]
        .concat();
        assert_eq!(packet[..length], want);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for options in [
            json!({}),
            json!({"trap-oid": "x"}),
            json!({"trap-oid": "1.1", "data-list": [{"oid": "1.1", "type": "zz", "value": ""}]}),
        ] {
            assert!(open(&crate::kinds(&host(&[])), "snmptrap", options.clone()).is_err(), "{options}");
        }
        let section = json!({"enabled": true, "addr": "127.0.0.1:9"});
        let options = json!({"trap-oid": "1.1", "data-list": [{"oid": "1.1", "type": "i", "value": "many"}]});
        let outcome = send(&host(&[("snmptrap", section)]), "snmptrap", options, Level::Info);
        assert!(matches!(outcome, Outcome::GiveUp(_)), "{outcome:?}");
    }
}
