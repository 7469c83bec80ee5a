//! Every message of the protocol, with the numbers that its fields have on the wire.
//!
//! Maps of data are lists of entries here: the same bytes, in their order and without hashing.

use std::collections::BTreeMap;

/// What a function reads or gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum EdgeType {
    Stream = 0,
    Batch = 1,
}

/// The type of an option's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum ValueType {
    Bool = 0,
    Int = 1,
    Double = 2,
    String = 3,
    /// Nanoseconds.
    Duration = 4,
}

/// Asks a function what it is.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct InfoRequest {}

/// What a function is.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct InfoResponse {
    #[prost(enumeration = "EdgeType", tag = "1")]
    pub wants: i32,
    #[prost(enumeration = "EdgeType", tag = "2")]
    pub provides: i32,
    #[prost(btree_map = "string, message", tag = "3")]
    pub options: BTreeMap<String, OptionInfo>,
}

/// The types of an option's values, one for each value.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OptionInfo {
    #[prost(enumeration = "ValueType", repeated, tag = "1")]
    pub value_types: Vec<i32>,
}

/// Begins the work of a function for one node of one task.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct InitRequest {
    /// In the order of the script, one that was called twice twice.
    #[prost(message, repeated, tag = "1")]
    pub options: Vec<OptionCall>,
    #[prost(string, tag = "2")]
    pub task_id: String,
    #[prost(string, tag = "3")]
    pub node_id: String,
}

/// A call of an option in a script.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OptionCall {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<OptionValue>,
}

/// One value of an option.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OptionValue {
    #[prost(enumeration = "ValueType", tag = "1")]
    pub r#type: i32,
    #[prost(oneof = "Value", tags = "2, 3, 4, 5, 6")]
    pub value: Option<Value>,
}

/// See [`OptionValue`].
#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum Value {
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(string, tag = "5")]
    String(String),
    /// Nanoseconds.
    #[prost(int64, tag = "6")]
    Duration(i64),
}

/// Whether a function takes its options.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct InitResponse {
    #[prost(bool, tag = "1")]
    pub success: bool,
    #[prost(string, tag = "2")]
    pub error: String,
}

/// Asks for all that a function remembers.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SnapshotRequest {}

/// All that a function remembers, in its own words.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SnapshotResponse {
    #[prost(bytes = "vec", tag = "1")]
    pub snapshot: Vec<u8>,
}

/// Gives a function back what it once remembered.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct RestoreRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub snapshot: Vec<u8>,
}

/// Whether a function could take it up.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct RestoreResponse {
    #[prost(bool, tag = "1")]
    pub success: bool,
    #[prost(string, tag = "2")]
    pub error: String,
}

/// Asks for a sign of life. The time is in nanoseconds since 1970.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct KeepaliveRequest {
    #[prost(int64, tag = "1")]
    pub time: i64,
}

/// A sign of life, with the time of its request.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct KeepaliveResponse {
    #[prost(int64, tag = "1")]
    pub time: i64,
}

/// Why a function cannot go on.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ErrorResponse {
    #[prost(string, tag = "1")]
    pub error: String,
}

/// The points that follow, to the next end, are a batch.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct BeginBatch {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub group: String,
    #[prost(message, repeated, tag = "3")]
    pub tags: Vec<TextEntry>,
    /// How many points will follow; a hint, 0 if that is not known.
    #[prost(int64, tag = "4")]
    pub size: i64,
    #[prost(bool, tag = "5")]
    pub by_name: bool,
}

/// A point of a stream, or of the batch begun last.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Point {
    /// Nanoseconds since 1970.
    #[prost(int64, tag = "1")]
    pub time: i64,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(string, tag = "3")]
    pub database: String,
    #[prost(string, tag = "4")]
    pub retention_policy: String,
    #[prost(string, tag = "5")]
    pub group: String,
    #[prost(string, repeated, tag = "6")]
    pub dimensions: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    pub tags: Vec<TextEntry>,
    #[prost(message, repeated, tag = "8")]
    pub fields_double: Vec<DoubleEntry>,
    #[prost(message, repeated, tag = "9")]
    pub fields_int: Vec<IntEntry>,
    #[prost(message, repeated, tag = "10")]
    pub fields_string: Vec<TextEntry>,
    #[prost(bool, tag = "11")]
    pub by_name: bool,
    #[prost(message, repeated, tag = "12")]
    pub fields_bool: Vec<BoolEntry>,
}

/// The end of a batch, with what is true of all of it.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct EndBatch {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub group: String,
    /// Nanoseconds since 1970.
    #[prost(int64, tag = "3")]
    pub tmax: i64,
    #[prost(message, repeated, tag = "4")]
    pub tags: Vec<TextEntry>,
    #[prost(bool, tag = "5")]
    pub by_name: bool,
}

/// An entry of a map of texts.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TextEntry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// An entry of a map of floats.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct DoubleEntry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(double, tag = "2")]
    pub value: f64,
}

/// An entry of a map of integers.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct IntEntry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(int64, tag = "2")]
    pub value: i64,
}

/// An entry of a map of booleans.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct BoolEntry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(bool, tag = "2")]
    pub value: bool,
}

/// What the daemon says to a function.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Request {
    #[prost(oneof = "Ask", tags = "1, 2, 3, 4, 5, 16, 17, 18")]
    pub message: Option<Ask>,
}

/// See [`Request`].
#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum Ask {
    #[prost(message, tag = "1")]
    Info(InfoRequest),
    #[prost(message, tag = "2")]
    Init(InitRequest),
    #[prost(message, tag = "3")]
    Keepalive(KeepaliveRequest),
    #[prost(message, tag = "4")]
    Snapshot(SnapshotRequest),
    #[prost(message, tag = "5")]
    Restore(RestoreRequest),
    #[prost(message, tag = "16")]
    Begin(BeginBatch),
    #[prost(message, tag = "17")]
    Point(Point),
    #[prost(message, tag = "18")]
    End(EndBatch),
}

/// What a function says to the daemon.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Response {
    #[prost(oneof = "Tell", tags = "1, 2, 3, 4, 5, 6, 16, 17, 18")]
    pub message: Option<Tell>,
}

/// See [`Response`].
#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum Tell {
    #[prost(message, tag = "1")]
    Info(InfoResponse),
    #[prost(message, tag = "2")]
    Init(InitResponse),
    #[prost(message, tag = "3")]
    Keepalive(KeepaliveResponse),
    #[prost(message, tag = "4")]
    Snapshot(SnapshotResponse),
    #[prost(message, tag = "5")]
    Restore(RestoreResponse),
    #[prost(message, tag = "6")]
    Error(ErrorResponse),
    #[prost(message, tag = "16")]
    Begin(BeginBatch),
    #[prost(message, tag = "17")]
    Point(Point),
    #[prost(message, tag = "18")]
    End(EndBatch),
}

impl From<Ask> for Request {
    fn from(message: Ask) -> Self {
        Request { message: Some(message) }
    }
}

impl From<Tell> for Response {
    fn from(message: Tell) -> Self {
        Response { message: Some(message) }
    }
}

impl From<Value> for OptionValue {
    fn from(value: Value) -> Self {
        let kind = match &value {
            Value::Bool(_) => ValueType::Bool,
            Value::Int(_) => ValueType::Int,
            Value::Double(_) => ValueType::Double,
            Value::String(_) => ValueType::String,
            Value::Duration(_) => ValueType::Duration,
        };
        OptionValue { r#type: kind as i32, value: Some(value) }
    }
}
