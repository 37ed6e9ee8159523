/* Draws the plots and the digits of the report from the data in the page. */
;(() => {
  const { charts, digits } = JSON.parse(document.getElementById("data").textContent)
  const drawn = []

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

  const format = (value) => {
    if (value === null || value === undefined) return "-"
    if (value === 0) return "0"
    const size = Math.abs(value)
    if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace(".0e", "e")
    return String(Number(value.toPrecision(4)))
  }

  /* On a log axis the powers of ten carry a number, and 2 and 5 too where there are few powers. */
  const labels = (log) => (_, splits) => {
    if (!log) return splits.map(format)
    const shown = splits.filter((value) => value !== null)
    const few = shown.length > 0 && Math.log10(shown[shown.length - 1] / shown[0]) < 2.5
    return splits.map((value) => {
      if (value === null) return ""
      const digit = value / 10 ** Math.floor(Math.log10(value) + 1e-9)
      return (few ? [1, 2, 5] : [1]).some((each) => Math.abs(digit - each) < 1e-6) ? format(value) : ""
    })
  }

  const axis = ({ label, log }, size) => ({
    label,
    size,
    labelSize: 22,
    stroke: color("--soft"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { stroke: color("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
    labelFont: "13px system-ui, sans-serif",
    space: log ? 24 : 44,
    ...(log ? { filter: (_, splits) => splits } : {}),
    values: labels(log)
  })

  const series = (line) => {
    const stroke = color(`--c${line.color}`)
    const points = line.kind === "points" || line.kind === "marked"
    return {
      label: line.label ?? "",
      ...(line.label === undefined ? { class: "unlisted" } : {}),
      stroke,
      width: line.kind === "points" ? 0 : line.kind === "dashed" ? 1 : 2,
      spanGaps: true,
      ...(line.kind === "points" ? { paths: () => null } : {}),
      ...(line.kind === "dashed" ? { dash: [6, 4] } : {}),
      points: { show: points, size: line.kind === "points" ? 6 : 5, stroke, fill: stroke },
      value: (_, value) => format(value)
    }
  }

  /* Lines have their own x: one x for all, with gaps. Several y at one x, as among points, become several rows. */
  const aligned = (lines) => {
    const rows = []
    lines.forEach((line, s) => {
      line.x.forEach((x, i) => {
        rows.push([x, s, line.y[i]])
      })
    })
    rows.sort((a, b) => a[0] - b[0])
    const data = lines.map(() => [])
    const xs = []
    for (const [x, s, y] of rows) {
      let row = xs.length - 1
      while (row > 0 && xs[row - 1] === x && data[s][row] !== null) row--
      if (row < 0 || xs[row] !== x || data[s][row] !== null) {
        row = xs.push(x) - 1
        for (const values of data) values.push(null)
      }
      data[s][row] = y
    }
    return [xs, ...data]
  }

  const marker = (at) => (plot) => {
    const x = plot.valToPos(at, "x", true)
    const { ctx, bbox } = plot
    ctx.save()
    ctx.strokeStyle = color("--soft")
    ctx.setLineDash([3, 4])
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    ctx.restore()
  }

  const heightFor = (width) => Math.round(Math.max(240, Math.min(340, width * 0.62)))

  /* The range of a log axis with a little room, whatever powers of ten are near. */
  const logRange = (_, low, high) => {
    const room = (high / low) ** 0.04
    return [low / room, high * room]
  }

  const linearFrom = (from) =>
    from === undefined ? {} : { range: (_, __, high) => [from, high + 0.05 * (high - from)] }

  const draw = (place, chart) => {
    const width = place.clientWidth
    const options = {
      width,
      height: heightFor(width),
      legend: { live: true },
      cursor: { drag: { x: true, y: false } },
      scales: {
        x: { time: false, ...(chart.x.log ? { distr: 3, range: logRange } : {}) },
        y: chart.y.log ? { distr: 3, range: logRange } : linearFrom(chart.y.from)
      },
      axes: [axis(chart.x, 36), axis(chart.y, 56)],
      series: [{ label: chart.x.label, value: (_, value) => format(value) }, ...chart.lines.map(series)],
      hooks: chart.mark === undefined ? {} : { draw: [marker(chart.mark)] }
    }
    return new uPlot(options, aligned(chart.lines), place)
  }

  const drawAll = () => {
    for (const plot of drawn.splice(0)) plot.destroy()
    for (const place of document.querySelectorAll("[data-chart]")) {
      const chart = charts.find(({ id }) => id === place.dataset.chart)
      if (chart) drawn.push(draw(place, chart))
    }
  }

  drawAll()
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll)
  const observer = new ResizeObserver(() => {
    for (const plot of drawn) {
      const width = plot.root.parentElement.clientWidth
      if (width > 0 && width !== plot.width) plot.setSize({ width, height: heightFor(width) })
    }
  })
  for (const place of document.querySelectorAll("[data-chart]")) observer.observe(place)

  for (const canvas of document.querySelectorAll("[data-digit]")) {
    const context = canvas.getContext("2d")
    const image = context.createImageData(digits.width, digits.height)
    const bytes = atob(digits.pixels[canvas.dataset.digit])
    for (let i = 0; i < bytes.length; i++) {
      image.data.fill(bytes.charCodeAt(i), 4 * i, 4 * i + 3)
      image.data[4 * i + 3] = 255
    }
    context.putImageData(image, 0, 0)
  }
})()
