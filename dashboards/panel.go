package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/barchart"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/piechart"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// look is how a panel shows what it asks for.
type look int

const (
	lines  look = iota
	stacks      // bars over time, one upon the other
	number      // the one number of the answer
	alarm       // a number that should be 0
	proof       // a number that should not be 0
	list        // a table
	matrix      // a table from whom to whom
	bars        // for each value of a tag
	pie
)

// panel is one picture of the dashboard.
type panel struct {
	title, about string
	look         look
	width        uint32 // of 24
	unit         string // Grafana's name; durations is the unit of the database's times
	ratio        string // the column that a list gets beside its two numbers: the first as a part of the second
	zero         string // the column of a list whose numbers should be 0; those of a matrix should be, if it is set
	queries      []query
}

// durations is the unit of times that k6 has written.
const durations = "durations"

const (
	panelHeight  = 8
	numberHeight = 4
)

// asked are the panel's questions that the database can be asked.
func (p *panel) asked(db *database) []query {
	var asked []query
	for _, q := range p.queries {
		if db.text(&q) != "" {
			asked = append(asked, q)
		}
	}
	return asked
}

func (p *panel) unitIn(db *database) string {
	if p.unit == durations {
		return db.times
	}
	return p.unit
}

// build makes the panel for a database.
func (p *panel) build(db *database) (dashboard.Panel, error) {
	made, err := p.visualization(db).Build()
	if err != nil {
		return made, err
	}
	source := db.source()
	made.Title, made.Datasource = &p.title, &source
	if p.about != "" {
		made.Description = &p.about
	}
	made.GridPos = &dashboard.GridPos{W: p.width, H: panelHeight}
	as := rows
	switch p.look {
	case number, alarm, proof:
		made.GridPos.H = numberHeight
	case pie:
		as = parts
	case lines, stacks:
		as = overTime
		made.Interval = new("5s") // which is how often k6 writes to Prometheus
	}
	for i, q := range p.asked(db) {
		target, err := db.query(&q, refID(i), as).Build()
		if err != nil {
			return made, err
		}
		made.Targets = append(made.Targets, target)
	}
	made.Transformations = p.transformations(db)
	return made, nil
}

func refID(i int) string { return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i : i+1] }

func (p *panel) visualization(db *database) cog.Builder[dashboard.Panel] {
	unit := p.unitIn(db)
	legend := common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)
	tooltip := common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)
	switch p.look {
	case stacks:
		return timeseries.NewPanelBuilder().Unit(unit).Legend(legend).Tooltip(tooltip).Min(0).DrawStyle(common.GraphDrawStyleBars).FillOpacity(80).
			Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal))
	case number:
		return singleNumber(unit).ColorMode(common.BigValueColorModeNone)
	case alarm:
		return singleNumber(unit).ColorMode(common.BigValueColorModeBackground).Thresholds(colors("green", "red")).NoValue("0")
	case proof:
		return singleNumber(unit).ColorMode(common.BigValueColorModeBackground).Thresholds(colors("red", "green")).NoValue("0")
	case list, matrix:
		return p.table(unit)
	case bars:
		return barchart.NewPanelBuilder().Unit(unit).Legend(legend).Tooltip(tooltip).Min(0).ShowValue(common.VisibilityModeAuto)
	case pie:
		return piechart.NewPanelBuilder().Unit(unit).PieType(piechart.PieChartTypePie).Orientation(common.VizOrientationAuto).
			Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeSingle).Sort(common.SortOrderNone)).
			ReduceOptions(lastOfEach()).
			Legend(piechart.NewPieChartLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeTable).Placement(common.LegendPlacementRight).
				ShowLegend(true).Values([]piechart.PieChartLegendValues{piechart.PieChartLegendValuesPercent, piechart.PieChartLegendValuesValue}))
	default:
		return timeseries.NewPanelBuilder().Unit(unit).Legend(legend).Tooltip(tooltip).Min(0).ShowPoints(common.VisibilityModeAuto).
			SpanNulls(common.BoolOrFloat64{Float64: new(60_000.0)}) // ms
	}
}

func singleNumber(unit string) *stat.PanelBuilder {
	return stat.NewPanelBuilder().Unit(unit).GraphMode(common.BigValueGraphModeNone).Orientation(common.VizOrientationAuto).ReduceOptions(lastOfEach())
}

func lastOfEach() cog.Builder[common.ReduceDataOptions] {
	return common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})
}

// colors are those of 0, and of more than 0.
func colors(zero, more string) cog.Builder[dashboard.ThresholdsConfig] {
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps([]dashboard.Threshold{
		{Color: zero}, {Color: more, Value: new(1e-9)},
	})
}

func (p *panel) table(unit string) cog.Builder[dashboard.Panel] {
	b := table.NewPanelBuilder().Unit(unit).Filterable(true).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{"sum"})) // the schema wants one
	if p.ratio != "" {
		b.OverrideByName(p.ratio, []dashboard.DynamicConfigValue{{Id: "unit", Value: "percentunit"}})
	}
	red := []dashboard.DynamicConfigValue{
		{Id: "thresholds", Value: options{"mode": "absolute", "steps": []options{{"color": "green", "value": nil}, {"color": "red", "value": 1e-9}}}},
		{Id: "custom.cellOptions", Value: options{"type": "color-text"}},
	}
	switch {
	case p.zero == "":
		return b
	case p.look == matrix:
		return b.OverrideByFieldType("number", red)
	default:
		worstFirst := common.NewTableSortByFieldStateBuilder().DisplayName(p.zero).Desc(true)
		return b.OverrideByName(p.zero, red).SortBy([]cog.Builder[common.TableSortByFieldState]{worstFirst})
	}
}

// row is a group of panels.
type row struct {
	title  string
	panels []panel
}

// build makes the dashboard for a database.
//
//nolint:staticcheck // the schema that all versions of Grafana import; the second one is for Grafana 12 and later only
func build(db *database) (dashboard.Dashboard, error) {
	source := db.source()
	b := dashboard.NewDashboardBuilder("Layer 4, verified: xk6-mconnect with "+db.name).
		Uid("xk6-mconnect-"+db.kind).
		Description(about).
		Tags([]string{"k6", "xk6-mconnect"}).
		Editable().
		Refresh("10s").
		Time("now-30m", "now").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(dashboard.NewDatasourceVariableBuilder("source").Label(db.name).Type(db.kind)).
		WithVariable(tagVariable(db, "testid", "testid", "Test")).
		WithVariable(tagVariable(db, "instance", "instance_id", "Instance")).
		Annotation(db.changes(source).Name("Changes").Enable(true).IconColor("orange"))
	var id uint32 // links to a panel have it
	for _, r := range content {
		id++
		b.WithRow(dashboard.NewRowBuilder(r.title).Id(id))
		for _, p := range r.panels {
			if len(p.asked(db)) == 0 {
				continue
			}
			made, err := p.build(db)
			if err != nil {
				return dashboard.Dashboard{}, fmt.Errorf("%s: %w", p.title, err)
			}
			id++
			made.Id = new(id)
			b.WithPanel(built(made))
		}
	}
	return b.Build()
}

// tagVariable lets the dashboard's reader choose values of a tag. Tests that were run without it are there with "All".
func tagVariable(db *database, name, tag, label string) cog.Builder[dashboard.VariableModel] {
	return dashboard.NewQueryVariableBuilder(name).Label(label).Datasource(db.source()).
		Query(dashboard.StringOrMap{String: new(db.values(tag))}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc).Multi(true).IncludeAll(true).AllValue(".*").
		Current(dashboard.VariableOption{Text: dashboard.StringOrArrayOfString{String: new("All")}, Value: dashboard.StringOrArrayOfString{String: new("$__all")}})
}

// built is a panel that needs no more building.
type built dashboard.Panel

// Build implements cog.Builder.
func (b built) Build() (dashboard.Panel, error) { return dashboard.Panel(b), nil }
