package passes

import "math"

// share estimates which share of a kind does something. It is learned from observations,
// with a prior that counts as so many of them. Old observations fade, so that it follows a
// changing sale.
type share struct {
	did, of float64
	prior   prior
}

type prior struct{ share, weight float64 }

// everybody is expected to come, before anything is known.
func everybody() prior { return prior{1, 4} }

const (
	// fade is how much old observations still count once fadeAfter more were made.
	fade      = 0.5
	fadeAfter = 5000.0
	// highZ standard errors above the mean: the true share is below it 19 times in 20.
	highZ = 1.64
)

func newShare(p prior) share { return share{prior: p} }

func (s *share) learn(did, of float64) {
	keep := math.Pow(fade, of/fadeAfter)
	s.did, s.of = s.did*keep+did, s.of*keep+of
}

func (s *share) mean() float64 {
	return (s.did + s.prior.share*s.prior.weight) / (s.of + s.prior.weight)
}

// high returns a share that the true one hardly exceeds (Agresti and Coull, 1998).
func (s *share) high() float64 {
	m := s.mean()
	return min(1, m+highZ*math.Sqrt(m*(1-m)/(s.of+s.prior.weight)))
}
