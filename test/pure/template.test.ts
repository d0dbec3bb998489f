// Instructions as templates: what is filled in, and what is told to whoever made a slip.
import { describe, expect, test } from 'bun:test'
import { defaultGreeting, defaultInstructions } from '../../src/agents/instructions.ts'
import { renderInstructions, templateFault } from '../../src/agents/template.ts'

const variables = {
  clinic: 'Lakeside',
  hours: 'Open daily.',
  services: 'Check-up',
  providers: 'Dr. Holm',
  about: 'parking: none',
  now: 'Monday',
}

describe('a template', () => {
  test('has each variable filled in, as often as it stands there, with or without blanks', () => {
    expect(renderInstructions('{{clinic}}, {{ clinic }}: {{hours}}', variables)).toBe('Lakeside, Lakeside: Open daily.')
  })

  test('is not filled in twice: a value that looks like a variable is text', () => {
    expect(renderInstructions('{{clinic}}', { ...variables, clinic: '{{now}} $& $1' })).toBe('{{now}} $& $1')
  })

  test('that was saved before it was checked leaves no braces behind, and loses no text', () => {
    expect(renderInstructions('a {{clinik}} b {{clinic c', variables)).toBe('a  b {{clinic c')
  })

  test.each([
    ['Hello {{clinik}}', 'There is no variable {{clinik}}.'],
    ['Hello {{}}', 'There is no variable {{}}.'],
    ['Hello {{clinic', '"{{clinic" has no closing braces.'],
    ['{{clinic}} and {{ Now }}', 'There is no variable {{Now}}.'],
  ])('with a slip is refused, with the slip and all the variables named: %s', (template, fault) => {
    expect(templateFault(template)).toBe(
      `${fault} The variables are {{clinic}}, {{hours}}, {{services}}, {{providers}}, {{about}}, {{now}}.`,
    )
  })

  test('without a slip is accepted, single braces included', () => {
    expect(templateFault('{"clinic": 1} {{clinic}} }}')).toBeNull()
  })

  test('is what the default is, and needs nothing but the variables', () => {
    for (const text of [defaultInstructions, defaultGreeting]) {
      expect(templateFault(text)).toBeNull()
      expect(renderInstructions(text, variables)).not.toContain('{{')
    }
    expect(renderInstructions(defaultInstructions, variables)).toContain('receptionist of Lakeside')
  })
})
