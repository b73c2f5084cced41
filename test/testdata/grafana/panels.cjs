// Shows the answers of a database in the panels of a dashboard, as Grafana does: its own library merges answers to tables, names lines
// and columns, and chooses colours. Only what Grafana's data sources do with an answer is done here, as they do it.
// Input: [{kind, panel, answers: {refId: the database's JSON}}]. Output: [{title, type, tables, numbers, lines}].
globalThis.navigator ??= { language: 'en-US', languages: ['en-US'] };
const grafana = require('@grafana/data');
const { lastValueFrom } = require('rxjs');

globalThis.window ??= globalThis; // only now: a library takes it for a browser's
const named = new Map(Object.values(grafana.standardTransformers).map((t) => [t.id, t]));
grafana.standardTransformersRegistry.setInit(() => [...named].map(([id, t]) => ({ id, name: t.name, transformation: async () => t })));
const theme = grafana.createTheme();

const time = (values) => ({ name: 'Time', type: 'time', config: {}, values });
const text = (name, values, config = {}) => ({ name, type: 'string', config, values });
const number = (name, values, config = {}, labels) => ({ name, type: 'number', config, labels, values });

const sources = {
  // A series is a frame. Those of a table become one frame, with a column for each label.
  prometheus(answers, targets) {
    const frames = targets.flatMap(({ refId, format, legendFormat = '' }) => {
      const series = answers[refId].data.result.map(({ metric, value, values = [value] }) => ({ metric, values }));
      if (format === 'table') {
        const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric).sort()))];
        const rows = series.flatMap(({ metric, values }) => values.map(([at, v]) => ({ metric, at: at * 1000, v: Number(v) })));
        return [{
          refId,
          fields: [
            time(rows.map((r) => r.at)),
            ...labels.map((label) => text(label, rows.map((r) => r.metric[label] ?? ''))),
            number(targets.length > 1 ? `Value #${refId}` : 'Value', rows.map((r) => r.v)),
          ],
        }];
      }
      return series.map(({ metric, values }) => {
        const displayNameFromDS = legendFormat.replace(/{{(\w+)}}/g, (_, label) => metric[label] ?? '');
        return { refId, fields: [time(values.map(([at]) => at * 1000)), number('Value', values.map(([, v]) => Number(v)), { displayNameFromDS }, metric)] };
      });
    });
    return frames;
  },

  // All series of a table are one frame, with a column for each tag. An empty answer is none.
  influxdb(answers, targets) {
    return targets.flatMap(({ refId, resultFormat, alias = '' }) => {
      const series = answers[refId].results[0].series ?? [];
      if (series.length === 0) {
        return [];
      }
      if (resultFormat === 'table') {
        const rows = series.flatMap(({ tags = {}, values }) => values.map(([at, v]) => ({ tags, at, v })));
        const [, column] = series[0].columns;
        return [{
          refId,
          fields: [
            time(rows.map((r) => r.at)),
            ...Object.keys(series[0].tags ?? {}).map((tag) => text(tag, rows.map((r) => r.tags[tag]), { displayNameFromDS: tag })),
            number(column, rows.map((r) => r.v), { displayNameFromDS: column }),
          ],
        }];
      }
      return series.map(({ tags = {}, values }) => {
        const displayNameFromDS = alias.replace(/\$tag_(\w+)/g, (all, tag) => tags[tag] ?? all);
        return { refId, fields: [time(values.map(([at]) => at)), number('Value', values.map(([, v]) => v), { displayNameFromDS }, tags)] };
      });
    });
  },
};

async function show({ kind, panel, answers }) {
  const frames = sources[kind](answers, panel.targets).map(grafana.toDataFrame);
  const data = await lastValueFrom(grafana.transformDataFrame(panel.transformations ?? [], frames));
  const byThreshold = panel.type === 'stat' || panel.type === 'table'; // the others colour each series
  const config = { color: { mode: byThreshold ? 'thresholds' : 'palette-classic' }, ...panel.fieldConfig.defaults };
  for (const field of data.flatMap((frame) => frame.fields)) {
    field.config = { ...field.config, ...config };
  }
  const shown = grafana.applyFieldOverrides({
    data, theme, fieldConfig: { defaults: {}, overrides: [] }, replaceVariables: (s) => s, fieldConfigRegistry: new grafana.Registry(() => []),
  });
  const name = (field, frame) => grafana.getFieldDisplayName(field, frame, shown);
  const picture = { title: panel.title, type: panel.type };
  switch (panel.type) {
    case 'stat':
    case 'piechart':
      picture.numbers = grafana.getFieldDisplayValues({
        data: shown, theme, fieldConfig: { defaults: config, overrides: [] }, reduceOptions: panel.options.reduceOptions, replaceVariables: (s) => s,
      }).map(({ display }) => ({ name: display.title ?? '', text: display.text, color: display.color }));
      break;
    case 'timeseries':
      picture.lines = shown.map((frame) => name(frame.fields[1], frame));
      break;
    default:
      picture.tables = shown.map((frame) => ({
        columns: frame.fields.map((field) => name(field, frame)),
        rows: Array.from({ length: frame.length }, (_, i) => frame.fields.map((field) => field.values[i] ?? null)),
      }));
  }
  return picture;
}

async function main() {
  const pictures = [];
  for (const asked of JSON.parse(require('node:fs').readFileSync(0, 'utf8'))) {
    pictures.push(await show(asked));
  }
  console.log(JSON.stringify(pictures));
}

main();
