package plan

import (
	"slices"

	"modelc/ir/ops"
)

// follow marks the kernels that may work on the parts of the product just before them: those without folds that read the product's result element by element,
// and whose other operands vary along whole rows of it only, or not at all.
func follow(steps []*Step) {
	for i, s := range steps {
		if s.Scan != nil {
			follow(s.Scan.Body)
			continue
		}
		if i == 0 || s.Kernel == nil || steps[i-1].Instr == nil {
			continue
		}
		product := steps[i-1]
		var row int64 // the length of the stretches in which the result is finished
		d := product.Out[0].Type.Shape.Dims()
		switch o := product.Instr.Op.(type) {
		case ops.Dot:
			free := product.In[1].Type.Shape.Rank() - o.BatchB.Len() - o.ContractB.Len()
			row = 1
			for _, n := range d[len(d)-free:] {
				row *= n
			}
		case ops.Conv:
			_, _, y := o.Axes()
			row = 1
			for k, a := range y.Spatial {
				if a != len(d)-len(y.Spatial)+k {
					row = 0
				}
				row *= d[a]
			}
		}
		s.After = row > 1 && s.follows(product, row)
	}
}

func (s *Step) follows(product *Step, row int64) bool {
	if fold, column := s.Kernel.Folds(); fold || column {
		return false
	}
	dims := append(slices.Clone(s.Kernel.Outer), s.Kernel.Inner...)
	// A stretch is some of the last axes, as a whole.
	n, axis := int64(1), len(dims)
	for axis > 0 && n < row {
		axis--
		n *= dims[axis]
	}
	if n != row || s.Kernel.Rows()*s.Kernel.Width() != product.Out[0].Type.Shape.Size() {
		return false
	}
	reads := false
	for i := range s.In {
		a := &s.Kernel.Args[i]
		if s.In[i].Buf == product.Out[0].Buf {
			if s.In[i].Offset != product.Out[0].Offset || !slices.Equal(s.In[i].Turn, product.Out[0].Turn) || !isDense(dims, a.Stride) {
				return false
			}
			reads = true
		}
	}
	for i := range s.Out {
		if !isDense(dims, s.Kernel.Args[len(s.In)+i].Stride) {
			return false
		}
		for j := range product.In {
			if product.In[j].Buf == s.Out[i].Buf {
				return false // it would overwrite what the product still reads
			}
		}
	}
	if !reads {
		return false
	}
	// Along a stretch every operand must be one run.
	for i := range s.In {
		stride := s.Kernel.Args[i].Stride
		for k := len(dims) - 2; k >= axis; k-- {
			if stride[k] != stride[k+1]*dims[k+1] {
				return false
			}
		}
	}
	return true
}
