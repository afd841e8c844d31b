"""GLSL surfaces of skin, eyes, mouth and lashes (see shaders.py)."""

SKIN = """
void surface(inout Surface s) {
  if (covered(0, C, A, .10) || covered(1, C, A, .10) || !gl_FrontFacing) discard;
  vec4 m = texture(masks, U);
  float face = smoothstep(6.0, 6.3, C.y);
  vec3 base = skin * (.96 + .08 * noise(C * 6.));
#if DETAIL
  base *= .97 + .06 * noise(C * 40.);
#endif
  vec3 q = vec3(abs(C.x), C.yz);
  float cheek = exp(-dot((q - vec3(.48, 6.98, 1.25)) * vec3(2.6, 3.2, 2.), (q - vec3(.48, 6.98, 1.25)) *
      vec3(2.6, 3.2, 2.)));
  float nose = exp(-dot((C - vec3(0, 6.98, 1.68)) * vec3(4, 4, 3), (C - vec3(0, 6.98, 1.68)) * vec3(4, 4,
      3)));
  base = mix(base, base * vec3(1.10, .82, .79), blush * (cheek * .9 + nose * .5) + .2 * smoothstep(.2, .9,
      m.b));
  base *= 1. - freck * .30 * face * smoothstep(.68, .78, noise(C * 30.)) * exp(-pow((C.y - 7.05) * 2.2, 2.));
  vec2 e = (q.xy - vec2(.312, 7.275)) * vec2(1. / .245, 1. / .145);   // 1 on an oval around the eye
  vec3 to_hollow = (q - vec3(.64, 6.78, .95)) * vec3(4., 2.6, 2.);
  float hollow = exp(-dot(to_hollow, to_hollow));
  float bag = exp(-pow((length(e - vec2(0., .1)) - 1.10) * 4.5, 2.)) * smoothstep(.1, -.6, e.y) * step(.9, C.z);
  float crease = exp(-pow((length(e * vec2(1., .92)) - 1.02) * 9., 2.)) * smoothstep(.0, .6, e.y)
               * smoothstep(.09, .20, q.x) * step(.9, C.z);
  float fold_x = .17 + .17 * smoothstep(7.0, 6.62, C.y);
  float fold = exp(-pow((q.x - fold_x) * 26., 2.)) * smoothstep(6.56, 6.68, C.y)
             * smoothstep(7.0, 6.9, C.y) * step(1., C.z);
  float side_nose = exp(-pow((q.x - .155) * 16., 2.)) * smoothstep(6.9, 7.0, C.y)
                  * smoothstep(7.4, 7.1, C.y) * step(1., C.z);
  base *= 1. - contour * (.16 * hollow + .10 * side_nose);
  base *= mix(vec3(1.), vec3(.72, .64, .68), bag * tired * .55);
  base *= mix(vec3(1.), vec3(.62, .50, .47), crease * .62);
  base *= mix(vec3(1.), vec3(.66, .55, .53), fold * (.16 + .50 * age));
  base *= mix(vec3(1.), vec3(1.05, 1.02, .94), smoothstep(7.55, 7.8, C.y) * face * .5);   // yellower forehead
  float lips = smoothstep(.25, .85, m.r), nail = smoothstep(.3, .8, m.g);
  vec3 mouth = lip * (.88 + .20 * noise(C * vec3(60, 8, 30))) * mix(1.06, .80, smoothstep(6.66, 6.72, C.y));
  base = mix(base, mouth, lips * .85);
  base = mix(base, mix(base, vec3(.90, .68, .62), .5), nail);
  base = mix(base, base * mix(vec3(.90, .82, .80), vec3(.50, .40, .40), makeup), smoothstep(.1, .9, m.a) *
      face);
  if (A > 2.) {                                  // palms are lighter, hands a little redder
    float palm = smoothstep(.1, .7, dot(normalize(vec3(sign(C.x) * -.776, -.63, -.03)), T));
    base = mix(base, mix(base, vec3(.80, .57, .49), .42), palm * .8) * vec3(1.03, .96, .95);
  }
  float bx = abs(C.x), t = clamp((bx - .09) / .46, 0., 1.);      // eyebrow, same curve as bake.brow_height
  float centre = 7.548 + .05 * sin(2.136 * t) - .04 * t * t * t + browy;
  float half_width = mix(.048, .018, t * t) * (.8 + .45 * browd);
  float brow = smoothstep(1.1, .2, abs(C.y - centre) / half_width) * smoothstep(.07, .16, bx)
             * smoothstep(.58, .46, bx) * step(1., C.z);
  float strand = noise(vec3(bx * 70. - C.y * 45., C.y * 22. + bx * 10., 2.));
  base = mix(base, haircol * mix(.75, .38, smoothstep(.08, .4, haircol.g)) + .004, clamp(brow * (.50 +
      .55 * strand) * (.75 + .3 * browd), 0., .9));
  float growth = facial_hair(C) * (1. - lips);
  base = mix(base, haircol * .55 + .010, clamp(growth * stubble * (.5 + .6 * noise(C * 60.)), 0., .85));
  base = mix(base, haircol * .6, H);
  float inside = smoothstep(.3, .8, texture(masks2, U).r);
  base = mix(base, vec3(.16, .035, .035), inside);
  s.ao *= mix(1., .35, inside);
#if DETAIL
  s.normal = bump(s.normal, C, 24., .03 + .06 * age * face);
  s.normal = bump(s.normal, C, 70., .05);
#endif
  float lines = sin(C.y * 62. + noise(C * 3.) * 3.) * smoothstep(7.62, 7.75, C.y) * smoothstep(8.1, 7.9,
      C.y) * step(.9, C.z);
  s.normal = normalize(s.normal + vec3(0, lines * .12 * age * age, 0));
  float socket = length((q - vec3(.308, 7.30, 1.30)) * vec3(1., 1.5, .6)) / .5;
  s.ao *= mix(1., .80, smoothstep(.62, .2, socket) * .5);
  s.albedo = base; s.roughness = mix(mix(rough, .36, lips), .32, nail); s.scatter = 1.;
      s.specular = mix(.8, 1.2, lips);
}
"""

EYE = """
void surface(inout Surface s) {
  vec3 c = vec3(sign(C.x) * .308, 7.284, 1.245), d = normalize(C - c);
  float r = d.z < 0. ? 9. : length(d.xy) / .45, angle = atan(d.y, d.x);
  vec3 white = mix(vec3(.80, .775, .75), vec3(.66, .50, .46), smoothstep(1.3, 2.2, r));
  float fibre = noise(vec3(angle * 9., r * 2.5, 1.)) * .6 + noise(vec3(angle * 25., r * 3., 4.)) * .4;
  vec3 ring = iris * (.7 + .8 * fibre) * mix(1.45, .55, smoothstep(.5, 1., r));
  ring = mix(ring, vec3(.015), smoothstep(.44, .36, r));
  s.albedo = mix(ring, white, smoothstep(.93, 1.08, r));
  vec2 spark = d.xy - vec2(.16 * sign(keydir.x), .18);
  vec2 low = d.xy + spark * .2 - vec2(-.2 * sign(keydir.x), -.2);      // the fill, reflected
  s.albedo += 2.6 * smoothstep(.10, .06, length(spark)) * step(0., d.z);
  s.albedo += .5 * smoothstep(.06, .03, length(low)) * step(0., d.z);
  s.ao = (.50 + .50 * smoothstep(.13, .0, C.y - 7.284)) * mix(1., .8, smoothstep(.1, .17, abs(C.x - c.x)));
  s.roughness = .14; s.f0 = .03; s.specular = 1.2; s.scatter = .3;
}
"""

TEETH = """
void surface(inout Surface s) {
  float gum = C.y > 6.62 ? smoothstep(6.72, 6.78, C.y) : smoothstep(6.55, 6.50, C.y);
  s.albedo = mix(vec3(.84, .80, .73), vec3(.55, .24, .23), gum * .9);
  s.roughness = .25; s.ao = .55 + .45 * smoothstep(1.2, 1.48, C.z); s.scatter = .3;
}
"""

TONGUE = """
void surface(inout Surface s) {
  s.albedo = vec3(.60, .24, .24); s.roughness = .35; s.ao = .3 + .5 * smoothstep(.9, 1.35, C.z);
      s.scatter = .3;
}
"""

LASH = """
void surface(inout Surface s) {
  float up = step(7.275, C.y);
  if (C.z > mix(1.365, 1.41, up) || noise(vec3(C.x * 230., C.z * 14., 3.)) < mix(.62, .36, up) - .25 *
      makeup) discard;
  s.albedo = mix(haircol * .35, vec3(.02), .6); s.roughness = .6; s.specular = .2;
}
"""
