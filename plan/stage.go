package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
)

// stageWords are the names that plans of theatres, concerts, cinemas and sports give
// to what people look at, in lower case. A label that is one of them takes precedence
// over one that contains one.
var stageWords = [...]string{
	"stage", "mainstage", "screen", "podium", "performancearea", "dancefloor", "catwalk", "pulpit",
	"bühne", "buehne", "hauptbühne", "leinwand", "spielfeld", "manege", "laufsteg", // German
	"scène", "scene", "écran", "ecran", "estrade", "terrain", // French
	"escenario", "escena", "pantalla", "tarima", "cancha", // Spanish
	"palco", "palcoscenico", "schermo", "tela", "campo", // Italian, Portuguese
	"toneel", "scherm", "speelveld", // Dutch
	"scen", "scenen", "duk", "filmduk", "lærred", "lerret", "lavan", // Danish, Norwegian, Swedish
	"lava", "näyttämö", "valkokangas", // Finnish
	"scena", "ekran", "estrada", "scenă", "ecran", // Polish, Croatian, Romanian
	"jeviště", "javisko", "plátno", "pódium", "színpad", "vászon", "oder", // Czech, Slovak, Hungarian
	"сцена", "экран", "екран", "манеж", "эстрада", "σκηνή", "οθόνη", "sahne", "perde", // Cyrillic, Greek, Turkish
	"舞台", "舞臺", "ステージ", "スクリーン", "银幕", "銀幕", "屏幕", "무대", "스크린", "เวที", "sânkhấu", "panggung", // Asia
	"במה", "מסך", "المسرح", "مسرح", "خشبة", "صحنه", // Hebrew, Arabic, Persian
	"court", "pitch", "field", "rink", "ring", "arena", "centrecourt", "centercourt",
}

// notStages contain such a word but mean something else.
var notStages = [...]string{"backstage", "upstage", "stagedoor", "stageentrance", "stageleft", "stageright", "sideofstage", "behindstage", "hinterbühne", "coulisse"}

// longEnough is the length, in characters, from which a word counts inside a longer label: "ring" is in "catering".
const longEnough = 5

// plain returns only a label's letters and digits, in lower case: "S T A G E" becomes "stage".
func plain(label string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, label)
}

// stageShape returns the shape whose label names the stage, or nil.
func stageShape(p *Plan) *Shape {
	var within *Shape
	for i := range p.Shapes {
		s := &p.Shapes[i]
		label := plain(s.Label)
		if slices.Contains(stageWords[:], label) {
			return s
		}
		if within == nil && !slices.ContainsFunc(notStages[:], func(w string) bool { return strings.Contains(label, w) }) &&
			slices.ContainsFunc(stageWords[:], func(w string) bool {
				return (len([]rune(w)) >= longEnough || w[0] > 0x7f && len([]rune(w)) > 1) && strings.Contains(label, w)
			}) {
			within = s
		}
	}
	return within
}

// findStage sets the focus and returns a note on what was taken for the stage.
func findStage(p *Plan) (note string) {
	s := stageShape(p)
	if s == nil {
		refocus(p, Point{p.Width / 2, 0})
		return fmt.Sprintf("stage: none is labelled, so the middle of the upper edge is taken, %s; best available begins there. "+
			"If that is wrong, set it: frontrow plan import --stage X,Y, or focus in the plan", at(p.Focus))
	}
	b := emptyBox()
	b.add(s.Points...)
	middle := Point{(b.min.X + b.max.X) / 2, (b.min.Y + b.max.Y) / 2}
	if s.Kind == Circle {
		middle = s.Points[0]
	}
	refocus(p, middle)
	return fmt.Sprintf("stage: the shape labelled %s at %s; best available begins there", show(s.Label), at(p.Focus))
}

func at(q Point) string { return fmt.Sprintf("(%.0f, %.0f)", q.X, q.Y) }

// Refocus sets the focus to a point, in plan units: sections are ranked and rows listed
// by their distance to it.
func Refocus(p *Plan, focus Point) error {
	if !(focus.X >= 0 && focus.X <= p.Width && focus.Y >= 0 && focus.Y <= p.Height) {
		return fmt.Errorf("stage %s is outside of the plan of %v × %v", at(focus), p.Width, p.Height)
	}
	refocus(p, focus)
	return nil
}

func refocus(p *Plan, focus Point) {
	p.Focus = focus
	for i := range p.Sections {
		rows := p.Sections[i].Rows
		far := make(map[*Seat]float64, len(rows)) // by the row's first seat
		for _, r := range rows {
			if len(r.Seats) > 0 {
				far[&r.Seats[0]] = rowDistance(r, focus)
			}
		}
		slices.SortStableFunc(rows, func(a, b Row) int {
			if len(a.Seats) == 0 || len(b.Seats) == 0 {
				return cmp.Compare(len(b.Seats), len(a.Seats))
			}
			return cmp.Compare(far[&a.Seats[0]], far[&b.Seats[0]])
		})
	}
	rankSections(p)
}

// rowDistance returns the distance of the middle of a row from a point, rounded to a
// tenth of a unit so that rows side by side keep their listed order.
func rowDistance(r Row, from Point) float64 {
	var x, y float64
	for _, s := range r.Seats {
		x, y = x+s.X, y+s.Y
	}
	n := float64(len(r.Seats))
	return math.Round(10*math.Hypot(x/n-from.X, y/n-from.Y)) / 10
}
