package picture

import (
	"fmt"
	"slices"
)

// series has a value for each interval.
type series struct {
	name   string
	paint  paint
	values []float64
	kind   kind
}

type kind int

const (
	columns kind = iota
	area
	line
	dashed
	upright // a mark in a bar
)

// steps hold each value over its interval.
func (s *series) steps(x, y axis, times []float64) [][2]float64 {
	points := make([][2]float64, 0, 2*len(times))
	last := 0.0
	for i, at := range times {
		level := y.at(s.values[i])
		points = append(points, [2]float64{x.at(last), level}, [2]float64{x.at(at), level})
		last = at
	}
	return points
}

// slopes join the values at the ends of the intervals. What was before the first is not known, and taken to be the same.
func (s *series) slopes(x, y axis, times []float64) [][2]float64 {
	points := make([][2]float64, 0, len(times)+1)
	points = append(points, [2]float64{x.from, y.at(s.values[0])})
	for i, at := range times {
		points = append(points, [2]float64{x.at(at), y.at(s.values[i])})
	}
	return points
}

func (s *series) drawLine(c *canvas, x, y axis, points [][2]float64) {
	width := 2.0
	switch s.kind {
	case area:
		c.fill(s.paint, true, slices.Concat([][2]float64{{x.from, y.from}}, points, [][2]float64{{x.to, y.from}}))
	case dashed:
		width = 1 // what it covers still shows
	}
	c.line(s.paint, s.kind == dashed, width, points...)
}

func (s *series) drawColumns(c *canvas, x, y axis, times []float64) {
	last := 0.0
	for i, at := range times {
		from, to := x.at(last), x.at(at)
		last = at
		v := s.values[i]
		if v == 0 {
			continue
		}
		gap := min((to-from)/8, 2)
		place := y.at(min(v, y.high))
		c.box(s.paint, false, from+gap, place, max(to-from-2*gap, 0.8), y.from-place)
		if v > y.high {
			c.text(s.paint, textSize, start, max(to-gap, from)+4, y.to+9, fmt.Sprintf("↑ %s", short(v)))
		}
	}
}
