// Package recipe is the plan of an experiment as plain data: what the compiler tells the runtime. It says which data is read and how a row of the file
// becomes a row of numbers, which blocks run in which order with which settings, and which entries of the program they call. It holds no
// syntax, no IR and no functions, prints as JSON and reads back; a run folder keeps it beside the weights.
package recipe

// Recipe is one experiment.
type Recipe struct {
	File   string    `json:"file"`
	Config []Setting `json:"config"` // resolved, in source order
	Data   []*Data   `json:"data"`
	Blocks []*Block  `json:"blocks"` // in source order
}

// Setting is a config value: Value is int64, float64, bool or string as JSON gives it.
type Setting struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// Place is a position in a source text, for messages.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
}

// Data is a data block.
type Data struct {
	Name       string       `json:"name"`
	Sources    []Source     `json:"sources"`
	Columns    []*Column    `json:"columns"` // source columns first, then derived ones, each after what it reads
	Discard    []*Expr      `json:"discard"` // a row for which one is true is dropped, in every split, and counted; over source columns
	Split      Split        `json:"split"`
	Transforms []*Transform `json:"transforms"` // in the order of fitting
	At         Place        `json:"at"`
}

// Source is where rows come from. The first main source (Split "") is cut by Data.Split; a source with a Split adds that split.
//
// Kinds: csv tsv idx images text npy dataset. csv, tsv: Columns, Missing, Trim, Delimiter, Separator; in a tsv a quote is an ordinary character. idx, npy:
// paths by column name in Fields. images: Paths are folders, columns image and label, Size. text: Paths give one stream, in one row with any column of type
// text; or paths by column name in Fields: a row is a line. dataset: Paths[0] is the name in the catalogue.
type Source struct {
	Kind      string            `json:"kind"`
	Split     string            `json:"split,omitempty"`
	Paths     []string          `json:"paths,omitempty"`     // as written; relative to Base, then searched in the data folders
	Base      string            `json:"base"`                // folder of the file that names them
	Fields    map[string]string `json:"fields,omitempty"`    // idx, npy: column → path
	Columns   []string          `json:"columns,omitempty"`   // names for a file without a header
	Delimiter string            `json:"delimiter,omitempty"` // csv: one character; empty: a comma, a tab for tsv
	Separator string            `json:"separator,omitempty"` // csv, tsv: between the parts of a [text]; empty: "|"
	Missing   []string          `json:"missing,omitempty"`   // texts that mean missing, beside the empty one
	Trim      bool              `json:"trim,omitempty"`      // cut blanks around fields
	Size      [2]int            `json:"size,omitempty"`      // images: height, width to resize to
	Joined    []Source          `json:"joined,omitempty"`    // join(a, b, …): tables joined onto this one by the column names they share
	At        Place             `json:"at"`
}

// Type is the type of a value of one row. Elem: float f32 f64 u8 i32 i64 bool id text time. Dims are numbers; a negative entry -k is a length of the row, at most
// k. List: a list of Elem.
type Type struct {
	Elem     string  `json:"elem"`
	Range    int64   `json:"range,omitempty"`
	Dims     []int64 `json:"dims,omitempty"`
	Nullable bool    `json:"nullable,omitempty"`
	List     bool    `json:"list,omitempty"`
}

// Column is a value per row. From nil: read from the source under Name. Batch columns travel to the device in every batch that names them; the others only feed
// expressions.
type Column struct {
	Name  string `json:"name"`
	Type  Type   `json:"type"`
	From  *Expr  `json:"from,omitempty"`
	Batch bool   `json:"batch"`
	// Lengths names the lengths of its own that a row has: the negative entries of Type.Dims, in order.
	Lengths []string `json:"lengths,omitempty"`
	// NeverMissing: a `discard` drops every row in which the column is missing, so that after it a Nullable type is plain.
	NeverMissing bool  `json:"never_missing,omitempty"`
	At           Place `json:"at"`
}

// Expr is an expression of one row, evaluated on the host. Args are the positional arguments of the call in the order written (numbers and texts
// as "number" and "text"), Options the named ones that are listed here. Numbers are computed in float64 when an argument is a float, else in int64; elementwise
// ops take equal shapes, a scalar, or a suffix. An op on a missing value gives a missing value, but for missing, fill, and, or (Kleene's: true or missing = true).
//
//	column              Name, a column of the same block
//	number text         Number (true 1, false 0 with Type bool), Text
//	fit:NAME            [x…]: the transform NAME encodes x; several arguments are gathered first. Standardize, MinMax: float per component; Category: id, a list
//	                    of ids for a list; Char, BPE, Words: a list of ids for a text. Options eos=1, bos=1: the reserved ids at the end, at the start
//	+ - * / // % ^      [a, b]; / is true division, // and % round down, % has the sign of b
//	neg not             [a]
//	and or              [a, b]
//	== != < <= > >=     [a, b] of numbers, bools, times, or texts (by bytes)
//	missing             [x]: bool, per component
//	fill                [x, value], or [x] with Name, a transform of kind fill
//	where               [condition, a, b]
//	min max             [a, b]
//	clamp               [x, low, high]
//	exp log log1p sqrt abs floor ceil round sin cos tanh   [x]
//	length              [x]: characters of a text, elements of a list
//	truncate            [x, n]: the first n characters of a text, the first n elements of a list
//	lower upper strip   [text]
//	split               [text, separator]: a list of texts, cut of blanks; an empty text gives an empty list
//	contains starts_with ends_with   [text, part]
//	gather              [x…]: columns(…), its patterns expanded: all elements one after another, a vector
//	one_hot             [id]: a last axis of Type.Dims' last size
//	multi_hot           [list of ids]: multi_hot(tags, genres) is multi_hot [fit:tags [genres]]; size Type.Dims[0]
//	cast                [x]: to Type.Elem (and Range); float(text) and int(text) parse; a number out of the range is an error that names the row
//	reshape             [x]: to Type.Dims
//	windows             [stream, n], Options offset (0), stride (n): row i is the elements i*stride+offset … +n of the split's stream: the rows of a table, or
//	                    the elements of the rows' lists one after another. Only elementwise ops and fit may follow it. All windows of a block have one stride
//	image               [path text]: Type.Dims [c, h, w], c 1 grey or 3 RGB, u8; resize(image(path), h, w) decodes any size
//	resize              [image, h, w];  gray [image of 3 channels]: 1 channel
//	date                [text]: the time of an ISO 8601 date (and clock), UTC; a time is a number of seconds since 1970
//	year month day hour minute weekday   [time]: i64; month and day from 1, weekday from Monday = 0
type Expr struct {
	Op      string             `json:"op"`
	Args    []*Expr            `json:"args,omitempty"`
	Name    string             `json:"name,omitempty"`   // column or transform
	Number  float64            `json:"number,omitempty"` // number
	Text    string             `json:"text,omitempty"`   // text
	Options map[string]float64 `json:"options,omitempty"`
	Type    Type               `json:"type"` // of the result
	At      Place              `json:"at"`
}

// Transform is fitted on the training split, saved with the weights, and called by name. Kinds: Standardize, MinMax, Category, Char, BPE, Words, fill (its
// statistic in Statistic). Options["bos"] of a tokenizer reserves the beginning of a text, whether a call marks it or not. Inputs are the expressions of every call, over which it is fitted together.
type Transform struct {
	Name      string             `json:"name"`
	Kind      string             `json:"kind"`
	Size      int64              `json:"size,omitempty"` // Category(n), BPE(n), Char(n)
	Statistic string             `json:"statistic,omitempty"`
	Options   map[string]float64 `json:"options,omitempty"`
	Inputs    []*Expr            `json:"inputs"`
	At        Place              `json:"at"`
}

// Split cuts the main source. By "hash" (tables: of the row's content), "position" (streams: a text, or a table of which a column takes windows), "time" (Column before Before). Parts in order; a Share of 0 takes the rest. No
// parts: everything is "train".
type Split struct {
	By     string  `json:"by,omitempty"`
	Parts  []Part  `json:"parts,omitempty"`
	Column string  `json:"column,omitempty"`
	Before float64 `json:"before,omitempty"` // seconds since 1970, UTC
	Seed   int64   `json:"seed,omitempty"`
}

// Part is a named share of the rows.
type Part struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"`
}

// Rows names rows of a data block: a split of it, in batches.
type Rows struct {
	Data  string `json:"data"`
	Split string `json:"split"`          // "train", "valid", "test", …; "" all
	Batch int64  `json:"batch"`          // rows of a batch
	Last  string `json:"last,omitempty"` // "drop" (training's default) or "keep"
}

// Block is a block that runs. Kind: train eval crossval predict generate test; exactly one of the pointers is set. Stale detection uses Hash, over the block's source, the
// config it sees and what it depends on.
type Block struct {
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Needs    []string  `json:"needs,omitempty"` // train blocks that must have run
	Hash     string    `json:"hash"`
	Train    *Train    `json:"train,omitempty"`
	Eval     *Eval     `json:"eval,omitempty"`
	Crossval *Crossval `json:"crossval,omitempty"`
	Predict  *Predict  `json:"predict,omitempty"`
	Generate *Generate `json:"generate,omitempty"`
	At       Place     `json:"at"`
}

// Train holds the settings of a train block. Its entries in the program: NAME.init (in: seed), NAME.step (in: the batch columns and phase scalars; out: loss,
// metrics, ok), NAME.valid and NAME.valid.finish (see Metrics).
type Train struct {
	Rows       Rows     `json:"rows"`
	Columns    []string `json:"columns"` // "batch.x": what a step reads
	Epochs     int64    `json:"epochs,omitempty"`
	Steps      int64    `json:"steps,omitempty"` // exactly one of the two is set
	Accumulate int64    `json:"accumulate"`
	Seed       int64    `json:"seed"`
	Precision  string   `json:"precision"`
	Checkpoint Every    `json:"checkpoint"`
	Keep       *Goal    `json:"keep,omitempty"`
	Patience   int64    `json:"patience,omitempty"` // checkpoints without a better keep before stopping; 0: never
	Valid      *Rows    `json:"valid,omitempty"`
	Metrics    Metrics  `json:"metrics"`
	Every      []int64  `json:"every,omitempty"` // of the updates, when one is not 1
	Average    *Average `json:"average,omitempty"`
}

// Average keeps averaged weights: ema(decay) or last(n) checkpoints.
type Average struct {
	Kind  string  `json:"kind"`
	Decay float64 `json:"decay,omitempty"`
	Last  int64   `json:"last,omitempty"`
}

// Every is a clock: each so many steps or epochs; both 0: the default (each epoch, or 1/20 of the steps).
type Every struct {
	Steps  int64 `json:"steps,omitempty"`
	Epochs int64 `json:"epochs,omitempty"`
}

// Goal is lowest(metric) or highest(metric); Metric is "valid.loss", "train.loss", ….
type Goal struct {
	Metric  string `json:"metric"`
	Highest bool   `json:"highest"`
}

// Metrics names what a split is measured by. The entry ENTRY takes a batch and gives Partials, which merge over batches (sum, max, min) elementwise in float64 on the
// host; ENTRY.finish takes the merged partials and gives Names in order. Host metrics are computed from columns that ENTRY gives per row.
type Metrics struct {
	Entry    string    `json:"entry"`
	Columns  []string  `json:"columns"` // batch columns the entry reads
	Names    []string  `json:"names"`
	Partials []Partial `json:"partials"`
	Host     []Host    `json:"host,omitempty"`
}

// Partial is one output of a metrics entry and how two batches merge.
type Partial struct {
	Name  string `json:"name"`
	Merge string `json:"merge"`
}

// Host is a metric over all rows: auc(scores, labels), confusion(labels, predictions, classes), bleu, …. Args name row outputs of the entry.
type Host struct {
	Name string   `json:"name"`
	Kind string   `json:"kind"`
	Args []string `json:"args"`
	Size int64    `json:"size,omitempty"`
}

// Eval is an eval block.
type Eval struct {
	Run     string  `json:"run"`
	Rows    Rows    `json:"rows"`
	Metrics Metrics `json:"metrics"`
}

// Crossval is a crossval block: Folds runs of the train block Run, each fitted on the other folds.
type Crossval struct {
	Run    string   `json:"run"`
	Folds  int64    `json:"folds"`
	Group  string   `json:"group,omitempty"` // a column whose equal values stay together
	Report []string `json:"report"`          // metrics; empty: all
}

// Predict is a predict block, or a generate block without tokens: the entry NAME gives Outputs.
type Predict struct {
	Run     string   `json:"run"`
	Rows    *Rows    `json:"rows,omitempty"` // nil: the outputs depend on no rows
	Columns []string `json:"columns"`
	Outputs []string `json:"outputs"`
	File    string   `json:"file,omitempty"`   // where to write
	Format  string   `json:"format,omitempty"` // csv, png, text
	Grid    int64    `json:"grid,omitempty"`
	Decode  string   `json:"decode,omitempty"` // transform that turns ids back into text
}

// Generate is token generation: entries NAME.begin (in: tokens [B, T]; out: logits of the last position) and NAME.next (in: tokens [B, 1]; past is a state).
type Generate struct {
	Run         string  `json:"run"`
	Data        string  `json:"data"`
	Tokens      string  `json:"tokens"` // transform
	Prompt      string  `json:"prompt"`
	Length      int64   `json:"length"`
	Capacity    int64   `json:"capacity"`
	Temperature float64 `json:"temperature"`
	TopK        int64   `json:"top_k,omitempty"`
	TopP        float64 `json:"top_p,omitempty"`
	Greedy      bool    `json:"greedy,omitempty"`
	Seed        int64   `json:"seed"`
	File        string  `json:"file,omitempty"`
}
