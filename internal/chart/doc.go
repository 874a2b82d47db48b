// Package chart draws amounts over time as SVG: for pages, reports and documents alike. It is
// pure. A drawing is readable without a script, in light and dark, and says in words what it
// shows; its lines differ by their dashes too, not by their colours alone.
//
// Frame turns values into the path of a line, for whoever draws the rest; Chart draws it all:
// axes, lines, rails, legend.
package chart
