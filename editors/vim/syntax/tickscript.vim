" TICKscript of Kapacitor. The lists of names are those of the program; a test holds them against its tables.

if exists('b:current_syntax')
  finish
endif

syntax case match

syntax match tickscriptComment "//.*$" contains=tickscriptTodo,@Spell
syntax keyword tickscriptTodo contained TODO FIXME XXX

syntax keyword tickscriptDeclaration var dbrp
syntax keyword tickscriptType bool duration float int lambda list regex star string
syntax keyword tickscriptSource batch stream
syntax keyword tickscriptBoolean TRUE FALSE
syntax keyword tickscriptLogical AND OR
syntax match tickscriptLambda "\<lambda:"

syntax match tickscriptPipe "|" nextgroup=tickscriptNode,tickscriptUnknownNode skipwhite
syntax match tickscriptUnknownNode contained "\<\a\w*"
syntax keyword tickscriptNode contained alert barrier bottom changeDetect combine count cumulativeSum deadman default delete derivative difference distinct ec2Autoscale elapsed eval first flatten from groupBy holtWinters holtWintersWithFit httpOut httpPost influxDBOut join k8sAutoscale kapacitorLoopback last log max mean median min mode movingAverage percentile query queryFlux querySQL sample shift sideload spread stateCount stateDuration stats stddev sum swarmAutoscale top trickle union where window
syntax match tickscriptUdf "@\s*\a\w*"
syntax match tickscriptProperty "\.\s*\a\w*"
syntax keyword tickscriptFunction abs acos acosh asin asinh atan atan2 atanh bool cbrt ceil cos cosh count day duration erf erfc exp exp2 expm1 float floor gamma hour humanBytes hypot if int isPresent j0 j1 jn log log10 log1p log2 logb max min minute mod month now pow pow10 rand regexReplace sigma sin sinh spread sqrt strContains strContainsAny strCount strHasPrefix strHasSuffix strIndex strIndexAny strLastIndex strLastIndexAny strLength strReplace strSubstring strToLower strToUpper strTrim strTrimLeft strTrimPrefix strTrimRight strTrimSpace strTrimSuffix string tan tanh time trunc unixNano weekday y0 y1 year yn

syntax match tickscriptOperator "=\~\|!\~\|==\|!=\|<=\|>=\|[-+*%<>!=]"
syntax match tickscriptRegex "\%([(,=]\|=\~\|!\~\)\s*\zs/\%(\\/\|[^/]\)\+/"
syntax match tickscriptNumber "\<\d\+\%(\.\d*\)\?\>\|\.\d\+\>"
syntax match tickscriptDuration "\<\d\+\%(ms\|u\|µ\|s\|m\|h\|d\|w\)\>"

syntax region tickscriptString start="'" skip="\\'" end="'" contains=tickscriptTemplate
syntax region tickscriptString start="'''" end="'''"
syntax region tickscriptTemplate contained start="{{" end="}}"
syntax region tickscriptReference start=+"+ skip=+\\"+ end=+"+

highlight default link tickscriptComment Comment
highlight default link tickscriptTodo Todo
highlight default link tickscriptDeclaration Keyword
highlight default link tickscriptType Type
highlight default link tickscriptSource StorageClass
highlight default link tickscriptBoolean Boolean
highlight default link tickscriptLogical Operator
highlight default link tickscriptLambda Keyword
highlight default link tickscriptPipe Delimiter
highlight default link tickscriptNode Function
highlight default link tickscriptUdf Function
highlight default link tickscriptProperty Identifier
highlight default link tickscriptFunction Special
highlight default link tickscriptOperator Operator
highlight default link tickscriptRegex Constant
highlight default link tickscriptNumber Number
highlight default link tickscriptDuration Number
highlight default link tickscriptString String
highlight default link tickscriptTemplate PreProc
highlight default link tickscriptReference Identifier

let b:current_syntax = 'tickscript'
