package core

import (
	"modelc/compiler/size"
	"modelc/lang/source"
)

// Role says what a slot is for.
type Role uint8

const (
	Param  Role = iota // trained where an update names it
	Stat               // `state` of a layer
	Moment             // `state` of an optimizer
	Cache              // rows kept between calls while generating
	Frozen             // loaded and not moved
)

// Slot is a saved tensor of a layer instance: a `param`, a `state`, or a cache. Type.Dims hold no free size (caches excepted). A slot of a list of like
// layers is stacked: Parts holds one path per layer, the stored tensor has a leading axis of len(Parts), and Init makes one layer's value. Where Parts is nil the
// path is Path itself.
type Slot struct {
	Path  string // "net.body.0.w"; of an optimizer's state: "net.body.0.w:m"
	Role  Role
	Type  Type // of one layer
	Parts []string
	Init  *Term // over Draw, Number, Fill, …; draws whose Path begins with "@" are made unique by the part's path
	At    source.Span
}

// Stacked returns the number of layers the slot is stacked over, 0 when it is not.
func (s *Slot) Stacked() int { return len(s.Parts) }

// Write gives a slot a new value.
type Write struct {
	Slot  *Slot
	Value *Term
}

// Named is a value with the name it is reported under.
type Named struct {
	Name string
	Term *Term // nil where Host is set
	Host *HostMetric
	At   source.Span
}

// HostMetric is a metric that needs all rows of a split at once: the entry gives Args per row and the host computes the rest. Kinds: auc (scores, labels), confusion
// (labels, predictions; Size classes).
type HostMetric struct {
	Kind string
	Args []*Term // batch axis first
	Size int64
}

// Check is a condition on sizes that could not be decided without the free sizes: lowering evaluates A op B ("==", "<=", "%==0") for each specialisation;
// where it does not hold the diagnostic says so at Site, with Text.
type Check struct {
	Op   string
	A, B size.Size
	Site *Site
	Code string
	Text string
}

// Program is a checked file.
type Program struct {
	B      *size.Sym // the batch size of every block's batch
	Past   *size.Sym // rows before this call while generating; lowering gives past + T the capacity
	Trains []*Train
	Evals  []*Eval
	Values []*Value
	Gens   []*Generate
	Tests  []*Test
	Checks []Check
}

// Train is a train block: its weights, the computation of a step and the computation of its metrics.
type Train struct {
	Name    string
	Slots   []*Slot // everything the block owns, optimizer states included, in order of construction
	Updates []*Update
	Writes  []Write  // state that the forward pass of a step writes (running statistics), in terms of values before the step
	Metrics []Named  // of a step: "loss" first, training metrics, on the step's weights before the moves
	Valid   []Named  // the same names with training = false, exact over a split when cut and merged (ruling 57)
	Columns []string // the batch columns that a step reads ("batch.x"), in order of first use
	// Accumulate is the number of slices of a batch, at least 1.
	Accumulate int
	At         source.Span
}

// Update is one loss and the weights it moves. Updates run in order; each sees the weights that earlier ones left.
type Update struct {
	Name  string // "" for a block's only loss
	Loss  *Term
	Moves []*Move
	Clip  *Term // the largest global norm of the update's gradients, a scalar; nil: none
	Every int   // takes part where step % Every == 0; at least 1
}

// Move is the step of one weight: Next is its new value in terms of Read{Slot}, Grad, the optimizer's slots and phase scalars. For a stacked weight all of
// it is written for one layer and repeated over the stack.
type Move struct {
	Slot   *Slot
	Grad   *Term // the Gradient leaf
	Next   *Term
	Writes []Write // the optimizer's states, one layer's values
}

// Eval is an eval or crossval block's computation: Metrics are cut at the batch axis and merged over batches.
type Eval struct {
	Name    string
	Train   *Train
	Metrics []Named
	Columns []string
	At      source.Span
}

// Value is a predict block, or a generate block without tokens: outputs per row of the batch (or fixed ones).
type Value struct {
	Name    string
	Train   *Train
	Outputs []Named
	Columns []string
	Rows    bool // outputs have the batch axis first
	At      source.Span
}

// Generate is token generation: Tokens is the live input (id[B, T]); Logits float[B, T, V]. Two computations over the same slots: Begin with past = 0 and
// T free, Next with T = 1 and past an Input. Caches are the slots that Cached terms name (dims with the capacity sym in place of past + T).
type Generate struct {
	Name        string
	Train       *Train
	T           *size.Sym
	Capacity    *size.Sym // rows of a cache
	Begin, Next *Term     // the logits
	BeginKeep   []Write   // caches and carries after begin
	NextKeep    []Write
	Caches      []*Slot
	Full        *Term // the same logits without caches, for T = all tokens: the definition that begin and next must agree with
	Columns     []string
	Bound       int64 // the least bound of past + T that the file requires, 0: none
	At          source.Span
}

// Test is a test block: its assertions, each a bool scalar.
type Test struct {
	Title   string
	Slots   []*Slot
	Asserts []Assert
	At      source.Span
}

// Assert is one `assert e`: Cond is a scalar bool term; Left and Right, when set, are what a comparison or close() compares.
type Assert struct {
	Cond        *Term
	Left, Right *Term
	Text        string
	At          source.Span
}
