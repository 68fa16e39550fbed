package run

import (
	"math"
	"math/rand/v2"
	"slices"

	"modelc/recipe"
)

// sampler picks the next token from logits. Draws are a function of the seed alone.
type sampler struct {
	g       *recipe.Generate
	random  *rand.PCG
	allowed func(id int) bool
	order   []int
	p       []float64
}

func newSampler(g *recipe.Generate, seed int64, allowed func(int) bool) *sampler {
	return &sampler{g: g, random: rand.NewPCG(uint64(seed), 0x73616d706c65), allowed: allowed}
}

// pick draws a token: the allowed ones in order of their logits, the first of equals first; of these the k most likely, and of these the fewest whose
// probabilities sum to p; then one by its share. Greedy takes the first.
func (s *sampler) pick(logits []float64) int {
	s.order = s.order[:0]
	for i := range logits {
		if s.allowed(i) && !math.IsNaN(logits[i]) {
			s.order = append(s.order, i)
		}
	}
	if len(s.order) == 0 {
		return -1
	}
	slices.SortStableFunc(s.order, func(a, b int) int {
		switch {
		case logits[a] > logits[b]:
			return -1
		case logits[a] < logits[b]:
			return 1
		}
		return 0
	})
	if s.g.Greedy || s.g.Temperature <= 0 {
		return s.order[0]
	}
	if k := int(s.g.TopK); k > 0 && k < len(s.order) {
		s.order = s.order[:k]
	}
	s.p = s.p[:0]
	total, top := 0.0, logits[s.order[0]]
	for _, i := range s.order {
		e := math.Exp((logits[i] - top) / s.g.Temperature)
		if math.IsInf(top, -1) { // every token is as impossible as the others
			e = 1
		}
		s.p = append(s.p, e)
		total += e
	}
	if s.g.TopP > 0 && s.g.TopP < 1 {
		sum := 0.0
		for i, e := range s.p {
			if sum += e; sum >= s.g.TopP*total {
				s.p, total = s.p[:i+1], sum
				break
			}
		}
	}
	u := float64(s.random.Uint64()>>11) / (1 << 53) * total
	for i, e := range s.p {
		if u -= e; u < 0 {
			return s.order[i]
		}
	}
	return s.order[len(s.p)-1]
}
