// chart.js draws lines in SVG.

const svg = 'http://www.w3.org/2000/svg';

/** line moves a polyline of a box of 60 by 16 through numbers, the newest at the right. */
export function line(polyline, numbers, room = 60) {
  const most = Math.max(...numbers, 0), least = Math.min(...numbers, most), height = most - least || 1;
  const step = 60 / Math.max(1, room - 1), from = 60 - (numbers.length - 1) * step;
  polyline.setAttribute('points', numbers.map((n, i) => `${(from + i * step).toFixed(1)},${(15 - ((n - least) / height) * 14).toFixed(1)}`).join(' '));
}

/** drawBar moves the parts of a bar: sold, held, free, from the left. */
export function drawBar(part, a, r, d) {
  const percent = n => ((n / Math.max(1, a + r + d)) * 100).toFixed(2);
  for (const [name, from, units] of [['bar-sold', 0, d], ['bar-held', d, r], ['bar-free', d + r, a]]) {
    part[name].setAttribute('x', percent(from));
    part[name].setAttribute('width', percent(units));
  }
}

/** Chart is a line over time with its ends written out. */
export class Chart {
  #area; #line; #svg; #ends;
  constructor(box) {
    this.#svg = document.createElementNS(svg, 'svg');
    this.#svg.setAttribute('viewBox', '0 0 600 100');
    this.#svg.setAttribute('preserveAspectRatio', 'none');
    this.#svg.setAttribute('role', 'img');
    this.#area = this.#svg.appendChild(document.createElementNS(svg, 'polygon'));
    this.#area.setAttribute('class', 'area');
    this.#line = this.#svg.appendChild(document.createElementNS(svg, 'polyline'));
    this.#line.setAttribute('class', 'line');
    this.#ends = document.createElement('p');
    this.#ends.className = 'chart-ends';
    this.#ends.append(document.createElement('span'), document.createElement('span'));
    box.replaceChildren(this.#svg, this.#ends);
  }

  /** draw shows numbers; words say what they are, for those who do not see them. */
  draw(numbers, words, [left, right]) {
    const most = Math.max(1, ...numbers), step = 600 / Math.max(1, numbers.length - 1);
    const points = numbers.map((n, i) => `${(i * step).toFixed(1)},${(98 - (n / most) * 94).toFixed(1)}`);
    this.#line.setAttribute('points', points.join(' '));
    this.#area.setAttribute('points', points.length ? `0,100 ${points.join(' ')} 600,100` : '');
    this.#svg.setAttribute('aria-label', words);
    this.#ends.firstChild.textContent = left;
    this.#ends.lastChild.textContent = right;
  }
}
