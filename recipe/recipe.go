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
// Kinds: csv tsv idx images text npy dataset. Options by kind: csv/tsv: columns ([]string as JSON), missing ([]string), trim (bool), delimiter; idx:
// Paths by column name in Fields; images: size [h, w], 0 none; dataset: Paths[0] is the name in the catalogue.
type Source struct {
	Kind    string            `json:"kind"`
	Split   string            `json:"split,omitempty"`
	Paths   []string          `json:"paths,omitempty"`   // as written; relative to Base, then searched in the data folders
	Base    string            `json:"base"`              // folder of the file that names them
	Fields  map[string]string `json:"fields,omitempty"`  // idx, npy: column → path
	Columns []string          `json:"columns,omitempty"` // names for a file without a header
	Missing []string          `json:"missing,omitempty"` // texts that mean missing, beside the empty one
	Trim    bool              `json:"trim,omitempty"`    // cut blanks around fields
	Size    [2]int            `json:"size,omitempty"`    // images: height, width to resize to
	Joined  []Source          `json:"joined,omitempty"`  // join(a, b, …): tables joined onto this one by the column names they share
	At      Place             `json:"at"`
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
	At    Place  `json:"at"`
}

// Expr is an expression of one row, evaluated on the host. Op is one of:
//
//	column NAME · number · text · transform call (Op "fit:NAME", Args encoded together) · operators + - * / // % ^ neg not and or == != < <= > >=
//	missing(x) · fill(x, value) with Op "fill" and Transform set when the value is fitted (median mean mode) · length(x) · truncate(x, n) · lower upper strip
//	split(x, sep) · columns(…) "gather" · one_hot multi_hot · float int bool id text casts "cast" (Type says to what) · exp log log1p sqrt abs min max floor round ·
//	where(c, a, b) · contains(x, text) · starts_with · windows(stream, n, offset, stride) · image(path) resize gray · date(x) and its parts year month day hour weekday ·
//	reshape
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
// statistic in Statistic). Inputs are the expressions of every call, over which it is fitted together.
type Transform struct {
	Name      string             `json:"name"`
	Kind      string             `json:"kind"`
	Size      int64              `json:"size,omitempty"` // Category(n), BPE(n), Char(n)
	Statistic string             `json:"statistic,omitempty"`
	Options   map[string]float64 `json:"options,omitempty"`
	Inputs    []*Expr            `json:"inputs"`
	At        Place              `json:"at"`
}

// Split cuts the main source. By "hash" (tables: of the row's content), "position" (streams, texts), "time" (Column before Before). Parts in order; a Share of 0 takes the rest. No
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
