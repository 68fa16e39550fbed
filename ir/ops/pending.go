package ops

import "modelc/ir"

func (Map) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value     { panic("ops: unfinished") }
func (Map) Eval(in, out []ir.Ref)                                           { panic("ops: unfinished") }
func (Map) Form(c *ir.Instr) ir.Form                                        { panic("ops: unfinished") }
func (Const) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value   { panic("ops: unfinished") }
func (Const) Eval(in, out []ir.Ref)                                         { panic("ops: unfinished") }
func (Const) Form(c *ir.Instr) ir.Form                                      { panic("ops: unfinished") }
func (Literal) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value { panic("ops: unfinished") }
func (Literal) Eval(in, out []ir.Ref)                                       { panic("ops: unfinished") }
func (Literal) Form(c *ir.Instr) ir.Form                                    { panic("ops: unfinished") }
func (Iota) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value    { panic("ops: unfinished") }
func (Iota) Eval(in, out []ir.Ref)                                          { panic("ops: unfinished") }
func (Iota) Form(c *ir.Instr) ir.Form                                       { panic("ops: unfinished") }
func (Cast) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value    { panic("ops: unfinished") }
func (Cast) Eval(in, out []ir.Ref)                                          { panic("ops: unfinished") }
func (Cast) Form(c *ir.Instr) ir.Form                                       { panic("ops: unfinished") }
func (Broadcast) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	panic("ops: unfinished")
}
func (Broadcast) Eval(in, out []ir.Ref)                                     { panic("ops: unfinished") }
func (Broadcast) Form(c *ir.Instr) ir.Form                                  { panic("ops: unfinished") }
func (Reshape) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value { panic("ops: unfinished") }
func (Reshape) Eval(in, out []ir.Ref)                                       { panic("ops: unfinished") }
func (Reshape) Form(c *ir.Instr) ir.Form                                    { panic("ops: unfinished") }
func (Transpose) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	panic("ops: unfinished")
}
func (Transpose) Eval(in, out []ir.Ref)                                     { panic("ops: unfinished") }
func (Transpose) Form(c *ir.Instr) ir.Form                                  { panic("ops: unfinished") }
func (Slice) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value   { panic("ops: unfinished") }
func (Slice) Eval(in, out []ir.Ref)                                         { panic("ops: unfinished") }
func (Slice) Form(c *ir.Instr) ir.Form                                      { panic("ops: unfinished") }
func (Reverse) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value { panic("ops: unfinished") }
func (Reverse) Eval(in, out []ir.Ref)                                       { panic("ops: unfinished") }
func (Reverse) Form(c *ir.Instr) ir.Form                                    { panic("ops: unfinished") }
func (Pad) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value     { panic("ops: unfinished") }
func (Pad) Eval(in, out []ir.Ref)                                           { panic("ops: unfinished") }
func (Pad) Form(c *ir.Instr) ir.Form                                        { panic("ops: unfinished") }
func (Concat) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value  { panic("ops: unfinished") }
func (Concat) Eval(in, out []ir.Ref)                                        { panic("ops: unfinished") }
func (Concat) Form(c *ir.Instr) ir.Form                                     { panic("ops: unfinished") }
func (Reduce) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value  { panic("ops: unfinished") }
func (Reduce) Eval(in, out []ir.Ref)                                        { panic("ops: unfinished") }
func (Reduce) Form(c *ir.Instr) ir.Form                                     { panic("ops: unfinished") }
func (Dot) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value     { panic("ops: unfinished") }
func (Dot) Eval(in, out []ir.Ref)                                           { panic("ops: unfinished") }
func (Dot) Form(c *ir.Instr) ir.Form                                        { panic("ops: unfinished") }
func (Conv) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value    { panic("ops: unfinished") }
func (Conv) Eval(in, out []ir.Ref)                                          { panic("ops: unfinished") }
func (Conv) Form(c *ir.Instr) ir.Form                                       { panic("ops: unfinished") }
func (Window) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value  { panic("ops: unfinished") }
func (Window) Eval(in, out []ir.Ref)                                        { panic("ops: unfinished") }
func (Window) Form(c *ir.Instr) ir.Form                                     { panic("ops: unfinished") }
func (PoolMax) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value { panic("ops: unfinished") }
func (PoolMax) Eval(in, out []ir.Ref)                                       { panic("ops: unfinished") }
func (PoolMax) Form(c *ir.Instr) ir.Form                                    { panic("ops: unfinished") }
func (Gather) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value  { panic("ops: unfinished") }
func (Gather) Eval(in, out []ir.Ref)                                        { panic("ops: unfinished") }
func (Gather) Form(c *ir.Instr) ir.Form                                     { panic("ops: unfinished") }
func (Scatter) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value { panic("ops: unfinished") }
func (Scatter) Eval(in, out []ir.Ref)                                       { panic("ops: unfinished") }
func (Scatter) Form(c *ir.Instr) ir.Form                                    { panic("ops: unfinished") }
func (DynamicSlice) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	panic("ops: unfinished")
}
func (DynamicSlice) Eval(in, out []ir.Ref)    { panic("ops: unfinished") }
func (DynamicSlice) Form(c *ir.Instr) ir.Form { panic("ops: unfinished") }
func (DynamicUpdate) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	panic("ops: unfinished")
}
func (DynamicUpdate) Eval(in, out []ir.Ref)                              { panic("ops: unfinished") }
func (DynamicUpdate) Form(c *ir.Instr) ir.Form                           { panic("ops: unfinished") }
func (Sort) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value { panic("ops: unfinished") }
func (Sort) Eval(in, out []ir.Ref)                                       { panic("ops: unfinished") }
func (Sort) Form(c *ir.Instr) ir.Form                                    { panic("ops: unfinished") }
func (TopK) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value { panic("ops: unfinished") }
func (TopK) Eval(in, out []ir.Ref)                                       { panic("ops: unfinished") }
func (TopK) Form(c *ir.Instr) ir.Form                                    { panic("ops: unfinished") }
func (Cumulative) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	panic("ops: unfinished")
}
func (Cumulative) Eval(in, out []ir.Ref)    { panic("ops: unfinished") }
func (Cumulative) Form(c *ir.Instr) ir.Form { panic("ops: unfinished") }
func (Stop) Eval(in, out []ir.Ref)          { panic("ops: unfinished") }
func (Stop) Form(c *ir.Instr) ir.Form       { panic("ops: unfinished") }
func (ArgReduce) Eval(in, out []ir.Ref)     { panic("ops: unfinished") }
func (ArgReduce) Form(c *ir.Instr) ir.Form  { panic("ops: unfinished") }
func (Key) Eval(in, out []ir.Ref)           { panic("ops: unfinished") }
func (Key) Form(c *ir.Instr) ir.Form        { panic("ops: unfinished") }
func (Fold) Eval(in, out []ir.Ref)          { panic("ops: unfinished") }
func (Fold) Form(c *ir.Instr) ir.Form       { panic("ops: unfinished") }
func (FoldConst) Eval(in, out []ir.Ref)     { panic("ops: unfinished") }
func (FoldConst) Form(c *ir.Instr) ir.Form  { panic("ops: unfinished") }
func (Bits) Eval(in, out []ir.Ref)          { panic("ops: unfinished") }
func (Bits) Form(c *ir.Instr) ir.Form       { panic("ops: unfinished") }
func (Uniform) Eval(in, out []ir.Ref)       { panic("ops: unfinished") }
func (Uniform) Form(c *ir.Instr) ir.Form    { panic("ops: unfinished") }
func (Normal) Eval(in, out []ir.Ref)        { panic("ops: unfinished") }
func (Normal) Form(c *ir.Instr) ir.Form     { panic("ops: unfinished") }
func (RandomInt) Eval(in, out []ir.Ref)     { panic("ops: unfinished") }
func (RandomInt) Form(c *ir.Instr) ir.Form  { panic("ops: unfinished") }
func (QR) Eval(in, out []ir.Ref)            { panic("ops: unfinished") }
func (QR) Form(c *ir.Instr) ir.Form         { panic("ops: unfinished") }

var _ = []ir.Op{Map{}, Const{}, Literal{}, Iota{}, Cast{}, Broadcast{}, Reshape{}, Transpose{}, Slice{}, Reverse{}, Pad{}, Concat{}, Reduce{}, Dot{}, Conv{}, Window{}, PoolMax{}, Gather{}, Scatter{}, DynamicSlice{}, DynamicUpdate{}, Sort{}, TopK{}, Cumulative{}, Stop{}, ArgReduce{}, Key{}, Fold{}, FoldConst{}, Bits{}, Uniform{}, Normal{}, RandomInt{}, QR{}}
