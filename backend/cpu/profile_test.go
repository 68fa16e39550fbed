package cpu

import (
	"time"

	"modelc/backend"
	"modelc/backend/plan"
)

// Profile is where the time of one call goes: worker 0's time of each step, with what it waits for the others.
type Profile struct {
	Step  *plan.Step
	Runs  int // more than one inside scans
	Spent time.Duration
}

// profiles calls an entry n times and adds up the times of its steps, in the order of the plan.
func (c *call) profiles(in, out []backend.Tensor, n int) ([]*Profile, error) {
	by := map[*task]*Profile{}
	var list []*Profile
	var note func(tasks []*task)
	note = func(tasks []*task) {
		for _, t := range tasks {
			if t.body != nil {
				note(t.body)
				continue
			}
			p := &Profile{Step: t.step}
			by[t], list = p, append(list, p)
		}
	}
	note(c.tasks)
	for _, w := range c.workers {
		w.after = nil
	}
	last := time.Now()
	c.workers[0].after = func(t *task) {
		now := time.Now()
		if t != nil {
			by[t].Spent += now.Sub(last)
			by[t].Runs++
		}
		last = now
	}
	defer func() { c.workers[0].after = nil }()
	for range n {
		if err := c.call(in, out); err != nil {
			return nil, err
		}
	}
	return list, nil
}
