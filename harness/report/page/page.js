// Reading figures off: one cursor in all of them, the values in the legends. The page says everything without it.
(() => {
  const data = JSON.parse(document.getElementById('readings').textContent);
  const charts = [...document.querySelectorAll('figure.chart')].filter((chart) => data.figures[chart.id]);
  const last = Math.ceil(data.end / data.every) - 1;
  let at = -1;

  const said = (value, unit) => {
    if (value === null || value === undefined) return '–';
    if (unit === 'ms' && value >= 1000) return `${(value / 1000).toPrecision(3)} s`;
    return `${value >= 100 ? Math.round(value) : +value.toPrecision(3)}${unit === 'ms' ? ' ms' : ''}`;
  };

  const show = (index) => {
    at = index;
    const seconds = (index + 0.5) * data.every;
    for (const chart of charts) {
      const { unit, values } = data.figures[chart.id];
      const cursor = chart.querySelector('.cursor');
      cursor.setAttribute('visibility', index < 0 ? 'hidden' : 'visible');
      for (const end of ['x1', 'x2']) cursor.setAttribute(end, `${Math.min(100, (100 * seconds) / data.end)}%`);
      chart.querySelectorAll('output').forEach((output, i) => {
        output.textContent = index < 0 || !values[i].length ? '' : ` ${said(values[i][index], unit)}`;
      });
      const phase = data.phases.find(([from, to]) => from <= seconds && seconds < to);
      chart.querySelector('.unit').dataset.at = index < 0 ? '' : ` at ${index * data.every} s${phase ? `, ${phase[2]}` : ''}`;
    }
  };

  for (const chart of charts) {
    const plot = chart.querySelector('svg.plot');
    chart.tabIndex = 0;
    plot.addEventListener('pointermove', (event) => {
      const box = plot.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      show(Math.max(0, Math.min(last, Math.floor((share * data.end) / data.every))));
    });
    plot.addEventListener('pointerleave', () => show(-1));
    chart.addEventListener('blur', () => show(-1));
    chart.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      show(Math.max(0, Math.min(last, at + step)));
    });
  }
})();
